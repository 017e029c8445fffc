-- Messages of unknown outcome are looked up in Twilio's list.

-- The number that the attempt went out from: a tenant's number may have changed since.
ALTER TABLE outbox_leases ADD COLUMN IF NOT EXISTS sender text;
ALTER TABLE outbox_leases
    ADD COLUMN look_at timestamptz,
    ADD COLUMN looks smallint NOT NULL DEFAULT 0,
    ADD COLUMN look_failures smallint NOT NULL DEFAULT 0;
COMMENT ON COLUMN outbox_leases.look_at IS 'When a message of unknown outcome is looked up next. NULL: not yet looked up, the first look has its time from claimed_at. infinity: a person decides.';
COMMENT ON COLUMN outbox_leases.looks IS 'How many looks Twilio has answered.';
COMMENT ON COLUMN outbox_leases.look_failures IS 'How many looks in a row it has not.';
CREATE INDEX outbox_leases_look_at_idx ON outbox_leases ((coalesce(look_at, claimed_at))) WHERE unknown_since IS NOT NULL;

-- Whoever settles a message that was held for a person: a callback, a late answer, the person.
CREATE FUNCTION pgcourier_unhold() RETURNS trigger
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    NEW.held_reason := NULL;
    RETURN NEW;
END $$;
CREATE TRIGGER pgcourier_unhold BEFORE UPDATE OF status ON messages_out
    FOR EACH ROW WHEN (OLD.status = 'unknown' AND NEW.status <> 'unknown' AND NEW.held_reason IS NOT NULL)
    EXECUTE FUNCTION pgcourier_unhold();
