-- The queue and the leases know a message by its tenant and its recipient. Changed under them it would be claimed for one and looked for
-- under another: never sent, and never known why.
CREATE FUNCTION pgcourier_guard_tenant() RETURNS trigger
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT FROM outbox_queue AS q WHERE q.tenant_id = OLD.id)
       OR EXISTS (SELECT FROM outbox_leases AS l WHERE l.tenant_id = OLD.id) THEN
        RAISE EXCEPTION 'tenants: messages of % wait or are being sent, under this id', OLD.id
            USING ERRCODE = 'check_violation',
                  HINT = 'Its id can be changed while none is: SELECT id, status FROM ops.outbox.';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER pgcourier_guard BEFORE UPDATE OF id ON tenants
    FOR EACH ROW WHEN (OLD.id IS DISTINCT FROM NEW.id) EXECUTE FUNCTION pgcourier_guard_tenant();
