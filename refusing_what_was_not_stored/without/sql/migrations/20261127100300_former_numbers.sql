-- People go on writing to a number that a shop has left: what came to it in a gap is fetched too, as its webhook would have been stored.
CREATE TABLE former_numbers (
    number  text PRIMARY KEY,
    left_at timestamptz NOT NULL
);
COMMENT ON TABLE former_numbers IS 'Numbers that a tenant had and left, or had when it was deleted. Backfill reads Twilio''s list for those left lately.';
COMMENT ON COLUMN former_numbers.number IS 'Without whatsapp:, as tenants.whatsapp_phone_number. A tenant may have it again by now.';
COMMENT ON COLUMN former_numbers.left_at IS 'When a tenant had it last. A year later the row goes with the next one that is written.';

CREATE FUNCTION pgcourier_keep_former_number() RETURNS trigger
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM former_numbers WHERE left_at < clock_timestamp() - interval '1 year';
    INSERT INTO former_numbers (number, left_at)
    VALUES (OLD.whatsapp_phone_number, clock_timestamp())
    ON CONFLICT (number) DO UPDATE SET left_at = excluded.left_at;
    RETURN NULL;
EXCEPTION WHEN insufficient_privilege THEN  -- whoever may change a tenant still may
    RETURN NULL;
END $$;
CREATE TRIGGER pgcourier_keep_former_number_on_update AFTER UPDATE OF whatsapp_phone_number ON tenants
    FOR EACH ROW WHEN (OLD.whatsapp_phone_number IS NOT NULL AND OLD.whatsapp_phone_number IS DISTINCT FROM NEW.whatsapp_phone_number)
    EXECUTE FUNCTION pgcourier_keep_former_number();
CREATE TRIGGER pgcourier_keep_former_number_on_delete AFTER DELETE ON tenants
    FOR EACH ROW WHEN (OLD.whatsapp_phone_number IS NOT NULL)
    EXECUTE FUNCTION pgcourier_keep_former_number();
