-- Pausing and resuming: rows that survive restarts and hold for all instances.

-- The row that a scope and an id name, checked.
CREATE FUNCTION ops.pause_id(scope text, id text) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
BEGIN
    IF scope = 'all' THEN
        IF coalesce(id, '') <> '' THEN
            RAISE EXCEPTION 'pausing all takes no id, found %', id USING HINT = 'SELECT ops.pause_sending(''tenant'', id) pauses one tenant.';
        END IF;
        RETURN '';
    ELSIF scope = 'tenant' THEN
        RETURN ops.tenant_named(id);
    ELSIF scope = 'sender' THEN
        IF pgcourier_bare_address(coalesce(id, '')) !~ '^\+[1-9][0-9]{7,14}$' THEN
            RAISE EXCEPTION 'a sender is a number like +33700000001' USING HINT = 'SELECT id, number FROM ops.tenants';
        END IF;
        RETURN pgcourier_bare_address(id);
    END IF;
    RAISE EXCEPTION 'scope is %, expected all, tenant or sender', coalesce(scope, 'NULL');
END $$;
COMMENT ON FUNCTION ops.pause_id IS 'The row of a scope and an id, checked; part of ops.pause_sending.';

CREATE FUNCTION ops.pause_sending(scope text DEFAULT 'all', id text DEFAULT NULL, reason text DEFAULT NULL, by text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    paused text := ops.pause_id(scope, id);
    before outbox_pauses;
BEGIN
    INSERT INTO outbox_pauses (kind, id, reason, paused_by) VALUES (scope, paused, $3, coalesce(nullif(by, ''), session_user))
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        SELECT p.* INTO before FROM outbox_pauses AS p WHERE p.kind = scope AND p.id = paused;
        RETURN concat('already paused', ' by ' || before.paused_by, ' at ' || ops.moment(before.paused_at),
                      ', saying: ' || ops.masked_text(nullif(before.reason, '')));
    END IF;
    PERFORM ops.log_act('sending_paused_by_hand', 'scope',
                        pgcourier_masked_scope(scope || CASE WHEN paused <> '' THEN ':' || paused ELSE '' END),
                        CASE WHEN scope = 'tenant' THEN paused END, NULL, $3, by);
    -- TWILIO_WHATSAPP_NUMBER is no row here, and a pause may come before the number that it is for.
    RETURN concat('paused; what is in flight is finished. ops.resume_sending(…), or pgcourier resume, goes on.',
                  CASE WHEN scope = 'sender' AND NOT EXISTS (SELECT FROM tenants AS t WHERE t.whatsapp_phone_number = paused)
                       THEN ' No tenant has this number: unless it is TWILIO_WHATSAPP_NUMBER, nothing is sent from it.' END);
END $$;
COMMENT ON FUNCTION ops.pause_sending IS 'Sends nothing more for all, one tenant (by id, or name where one tenant has it) or one sender (by number) until it is resumed. Uses no attempts.';

CREATE FUNCTION ops.resume_sending(scope text DEFAULT 'all', id text DEFAULT NULL, reason text DEFAULT NULL, by text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    paused text := id;
BEGIN
    -- The pause of a tenant that is gone can still be taken away.
    IF NOT coalesce(scope = 'tenant' AND EXISTS (SELECT FROM outbox_pauses AS p WHERE p.kind = 'tenant' AND p.id = $2), false) THEN
        paused := ops.pause_id(scope, id);
    END IF;
    DELETE FROM outbox_pauses AS p WHERE p.kind = scope AND p.id = paused;
    IF NOT FOUND THEN
        RETURN 'it was not paused; SELECT * FROM ops.pauses shows what is';
    END IF;
    PERFORM pg_notify('messages_out', '');
    PERFORM ops.log_act('sending_resumed_by_hand', 'scope',
                        pgcourier_masked_scope(scope || CASE WHEN paused <> '' THEN ':' || paused ELSE '' END),
                        CASE WHEN scope = 'tenant' THEN paused END, NULL, $3, by);
    RETURN 'resumed';
END $$;
COMMENT ON FUNCTION ops.resume_sending IS 'Goes on with what ops.pause_sending has paused.';

CREATE VIEW ops.pauses AS
SELECT p.kind AS scope, CASE WHEN p.kind = 'sender' THEN ops.masked(p.id) ELSE p.id END AS id, ops.masked_text(p.reason) AS reason,
       p.paused_by, p.paused_at
FROM outbox_pauses AS p;
COMMENT ON VIEW ops.pauses IS 'What people have paused.';
COMMENT ON COLUMN ops.pauses.scope IS 'all, tenant or sender.';
COMMENT ON COLUMN ops.pauses.id IS 'The tenant''s id, or the sending number, masked; empty for all.';
COMMENT ON COLUMN ops.pauses.reason IS 'Why, as whoever paused it said.';
COMMENT ON COLUMN ops.pauses.paused_by IS 'Who did it, as they said; else the database user.';
COMMENT ON COLUMN ops.pauses.paused_at IS 'Since when.';
