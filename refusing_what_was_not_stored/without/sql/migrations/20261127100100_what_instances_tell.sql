-- What a process knows and others need, in case it is killed; and what a shop without a number of its own sends from.
ALTER TABLE instances ADD COLUMN refusing_since timestamptz, ADD COLUMN told_at timestamptz, ADD COLUMN default_sender text;
COMMENT ON COLUMN instances.refusing_since IS 'Since when it has answered webhooks 503, which is not written down as a gap yet; NULL: it takes them.';
COMMENT ON COLUMN instances.told_at IS 'When another process wrote down as a gap what this one, silent since its last heartbeat, may have missed.';
COMMENT ON COLUMN instances.default_sender IS 'TWILIO_WHATSAPP_NUMBER of a process that sends; NULL: it has none, or does not send.';

CREATE VIEW tenant_senders AS
SELECT t.id AS tenant_id,
       coalesce(t.whatsapp_phone_number, (SELECT i.default_sender FROM instances AS i
                                          WHERE i.default_sender IS NOT NULL ORDER BY i.heartbeat_at DESC LIMIT 1)) AS number
FROM tenants AS t;
COMMENT ON VIEW tenant_senders IS 'The number from which each shop sends: its own, else that of the sender that was heard last.';
-- At once and not with all others' (ops.grant_roles): the pulse of every process asks for it.
DO $migration$
BEGIN
    IF to_regrole('pgcourier_service') IS NOT NULL THEN
        GRANT SELECT ON tenant_senders TO pgcourier_service;
    END IF;
END $migration$;
