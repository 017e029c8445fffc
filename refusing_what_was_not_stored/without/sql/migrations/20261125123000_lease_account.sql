-- A message of unknown outcome is looked for in the list of the account that it was sent with, which may be another one by
-- now. NULL: it was claimed by an earlier version.
ALTER TABLE outbox_leases ADD COLUMN account_sid text;
COMMENT ON COLUMN outbox_leases.account_sid IS 'The Twilio account that it was claimed for; its list alone tells what became of it.';
