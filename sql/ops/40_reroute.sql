-- Routing again what is stored: for a number whose messages were left unrouted, or for one event. What is routed already
-- stays as it is (the router's fence), so that doing it once too often harms nobody.

-- Queues one event; one that was given up is due at once and alone, and its dead letter is resolved.
-- returns  whether it is queued now and was not before; NULL: it was written to a shop that does not have that number any more
CREATE FUNCTION ops.reroute_event(event bigint, reason text, by text) RETURNS boolean
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    letter dead_letter_jobs;
    done record;
    is_queued boolean := false;
BEGIN
    FOR letter IN SELECT d.* FROM dead_letter_jobs AS d
                  WHERE d.job_type = 'webhook_event' AND d.payload ->> 'webhook_event_id' = event::text AND d.resolved_at IS NULL
                  FOR UPDATE LOOP
        done := ops.do_again(letter, NULL, reason, by);
        IF NOT done.is_done THEN
            RETURN NULL;
        END IF;
        is_queued := true;
    END LOOP;
    IF NOT is_queued THEN
        INSERT INTO webhook_queue (id) VALUES (event) ON CONFLICT (id) DO NOTHING;
        is_queued := FOUND;
    END IF;
    RETURN is_queued;
END $$;
COMMENT ON FUNCTION ops.reroute_event IS 'Queues one stored event for routing; part of ops.reroute.';

CREATE FUNCTION ops.reroute(number text DEFAULT NULL, event bigint DEFAULT NULL, reason text DEFAULT NULL, by text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    bare text := pgcourier_bare_address(number);
    owner text;
    stored bigint := 0;
    queued bigint := 0;
    one bigint;
    is_new boolean;
BEGIN
    IF num_nonnulls(number, event) <> 1 THEN
        RAISE EXCEPTION 'found %, expected a number or an event', CASE WHEN number IS NULL THEN 'neither a number nor an event' ELSE 'both a number and an event' END
            USING HINT = 'SELECT ops.reroute(''+33700000001''), or SELECT ops.reroute(event => 12); SELECT * FROM ops.unrouted has the numbers.';
    END IF;
    IF event IS NOT NULL THEN
        IF NOT EXISTS (SELECT FROM webhook_events AS e WHERE e.id = event) THEN
            RAISE EXCEPTION 'no event has the id %', event
                USING HINT = 'It is no longer kept (RETENTION_DAYS), or it is another id: SELECT entity_id FROM ops.dead_letters WHERE job_type = ''webhook_event''.';
        END IF;
        is_new := ops.reroute_event(event, reason, by);
        IF is_new IS NULL THEN
            RAISE EXCEPTION 'event % was written to a shop which does not have that number any more', event
                USING HINT = 'Discard its dead letter, or give the shop its number back: SELECT id, tenant_id FROM ops.dead_letters.';
        ELSIF NOT is_new THEN
            RETURN format('event %s is in the queue already', event);
        END IF;
        PERFORM pg_notify('pgcourier_events', '');
        PERFORM ops.log_act('events_rerouted', 'webhook_event', event::text, NULL,
                            (SELECT e.correlation_id FROM webhook_events AS e WHERE e.id = event), reason, by);
        RETURN format('event %s is queued for routing', event);
    END IF;
    IF bare !~ '^\+[1-9][0-9]{7,14}$' THEN
        RAISE EXCEPTION 'a number is like +33700000001, found %', CASE WHEN bare = '' THEN 'nothing' ELSE 'something else' END
            USING HINT = 'SELECT number, messages FROM ops.unrouted';
    END IF;
    FOR one IN SELECT m.event_id FROM messages_in AS m
               WHERE m.tenant_id IS NULL AND m.message_type IS NULL AND m."to" = bare AND m.event_id IS NOT NULL
                 AND EXISTS (SELECT FROM webhook_events AS e WHERE e.id = m.event_id)
               ORDER BY m.event_id LOOP
        stored := stored + 1;
        queued := queued + coalesce(ops.reroute_event(one, reason, by), false)::integer;
    END LOOP;
    IF stored = 0 THEN
        RETURN 'no stored message to this number is unrouted, or their events are no longer kept (RETENTION_DAYS)';
    END IF;
    IF queued > 0 THEN
        PERFORM pg_notify('pgcourier_events', '');
    END IF;
    SELECT t.id INTO owner FROM tenants AS t WHERE t.whatsapp_phone_number = bare;
    PERFORM ops.log_act('events_rerouted', 'number', ops.masked(bare), owner, NULL, reason, by, jsonb_build_object('events', queued));
    RETURN format('%s of %s messages are queued for routing%s', queued, stored,
                  CASE WHEN owner IS NULL THEN '; but no tenant has the number yet, so that they stay unrouted until one gets it' ELSE '' END);
END $$;
COMMENT ON FUNCTION ops.reroute IS 'Routes again what is stored: the unrouted messages of a number, or one event (also one that was given up). What is routed already stays as it is.';
