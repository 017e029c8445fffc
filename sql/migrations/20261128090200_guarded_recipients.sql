-- As guarded_tenant_ids, for the message itself. What is held by the predecessor's rules stands in neither queue nor leases.
CREATE FUNCTION pgcourier_guard_place() RETURNS trigger
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    RAISE EXCEPTION 'messages_out: a message that waits or is being sent keeps its recipient and its tenant'
        USING ERRCODE = 'check_violation',
              HINT = format('Take it back, SELECT ops.cancel_message(%L), and insert another one.', OLD.id);
END $$;
CREATE TRIGGER pgcourier_guard_place BEFORE UPDATE OF "to", tenant_id ON messages_out
    FOR EACH ROW WHEN ((OLD."to", OLD.tenant_id) IS DISTINCT FROM (NEW."to", NEW.tenant_id)
                       AND (OLD.status IN ('sending', 'unknown') OR OLD.status IN ('pending', 'failed') AND OLD.held_reason IS NULL)
                       AND NEW.status IN ('pending', 'failed', 'sending', 'unknown'))
    EXECUTE FUNCTION pgcourier_guard_place();
