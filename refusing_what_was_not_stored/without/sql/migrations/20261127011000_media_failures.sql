-- A list that could not be read for long is no reason to take messages without their media.

ALTER TABLE backfills ADD COLUMN media_failures integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN backfills.media_failures IS 'In how many of the failed walks Twilio did not tell media; after some, messages are taken without them.';
