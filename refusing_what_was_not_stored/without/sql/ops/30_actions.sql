-- Functions that act for a person. Each says in words what it did, and writes who did it into event_log.

-- reason  why, and
-- actor   who; NULL: the database user; of numbers in them only the ends are kept
CREATE FUNCTION ops.log_act(act text, entity_type text, entity_id text, tenant_id text, correlation_id text, reason text,
                            actor text DEFAULT NULL, details jsonb DEFAULT '{}')
    RETURNS void LANGUAGE sql SET search_path FROM CURRENT AS $$
    INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type, payload)
    VALUES ($4, $1, $2, $3, coalesce($5, gen_random_uuid()::text), 'operator',
            jsonb_strip_nulls(jsonb_build_object('by', coalesce(ops.masked_text(nullif($7, '')), session_user),
                                                 'reason', ops.masked_text(nullif($6, ''))) || $8));
$$;
COMMENT ON FUNCTION ops.log_act IS 'Writes into event_log what a person did; part of the functions that act.';

-- The tenant that a person means: by its id, or by its name where one tenant has it.
CREATE FUNCTION ops.tenant_named(tenant text) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    named text[];
BEGIN
    IF EXISTS (SELECT FROM tenants AS t WHERE t.id = tenant) THEN
        RETURN tenant;
    END IF;
    named := ARRAY(SELECT t.id FROM tenants AS t WHERE t.name = tenant ORDER BY t.id LIMIT 5);
    IF cardinality(named) = 1 THEN
        RETURN named[1];
    END IF;
    RAISE EXCEPTION '%', CASE WHEN named = '{}' THEN format('no tenant has the id or the name %s', coalesce(tenant, 'NULL'))
                              ELSE format('more than one tenant has the name %s: say the id', tenant) END
        USING HINT = CASE WHEN named = '{}' THEN 'SELECT id, name FROM ops.tenants' ELSE array_to_string(named, ', ') END;
END $$;
COMMENT ON FUNCTION ops.tenant_named IS 'The id of the tenant that an id or a name means; part of the functions that act.';

-- Puts a message into the queue, at its own place in its conversation, due now or later. One that is due later holds up
-- what stands behind it, as a retry does.
CREATE FUNCTION ops.queue_again(message messages_out, due timestamptz DEFAULT NULL) RETURNS void
    LANGUAGE sql SET search_path FROM CURRENT AS $$
    INSERT INTO outbox_queue (seq, message_id, tenant_id, recipient, due_at, expires_at, is_retry)
    VALUES (($1).seq, ($1).id, ($1).tenant_id, ($1)."to", least(coalesce($2, clock_timestamp()), ($1).expires_at),
            ($1).expires_at, $2 IS NOT NULL)
    ON CONFLICT (seq) DO NOTHING;
    SELECT pg_notify('messages_out', '');
$$;
COMMENT ON FUNCTION ops.queue_again IS 'Puts a message into the queue; part of the functions that act.';

CREATE FUNCTION ops.cancel_message(message_id text, reason text DEFAULT NULL, by text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    message messages_out;
    was_queued boolean;
BEGIN
    -- Its place in the queue first, as a claim takes them. Whoever was just sending it may put it back between the two
    -- steps: then once more.
    FOR look IN 1 .. 3 LOOP
        SELECT m.* INTO message FROM messages_out AS m WHERE m.id = message_id;
        DELETE FROM outbox_queue AS q WHERE q.seq = message.seq;
        was_queued := FOUND;
        PERFORM set_config('pgcourier.act', 'cancel', true);
        UPDATE messages_out AS m
        SET status = 'canceled', held_reason = NULL, next_attempt_at = NULL,
            last_error = 'canceled' || coalesce(': ' || nullif(reason, ''), ''), updated_at = clock_timestamp() AT TIME ZONE 'UTC'
        WHERE m.id = message_id AND m.status IN ('pending', 'failed') AND (was_queued OR m.held_reason IS NOT NULL OR look = 3)
        RETURNING m.* INTO message;
        PERFORM set_config('pgcourier.act', '', true);
        EXIT WHEN message.status = 'canceled';
    END LOOP;
    IF message.id IS NULL THEN
        SELECT m.* INTO message FROM messages_out AS m WHERE m.id = message_id;
        RAISE EXCEPTION '%', CASE
            WHEN message.id IS NULL THEN format('no outgoing message has the id %s', message_id)
            ELSE format('message %s cannot be canceled: %s', message_id, CASE message.status
                WHEN 'sending' THEN 'it is being sent'
                WHEN 'sent' THEN 'it was sent'
                WHEN 'unknown' THEN 'it may have been sent, which is being found out'
                WHEN 'dead' THEN 'it was given up; discard its dead letter instead'
                ELSE 'it is ' || message.status END) END
            USING HINT = CASE message.status
                WHEN 'dead' THEN 'SELECT id FROM ops.dead_letters WHERE entity_id = ''…''; SELECT ops.discard_dead_letter(id)'
                ELSE 'SELECT id, status FROM ops.outbox' END;
    END IF;
    PERFORM pgcourier_promote(message.tenant_id, message."to");
    PERFORM pg_notify('messages_out', '');
    PERFORM ops.log_act('message_canceled', 'message_out', message.id, message.tenant_id, message.correlation_id, reason, by);
    RETURN format('message %s is canceled', message.id);
END $$;
COMMENT ON FUNCTION ops.cancel_message IS 'Takes back a message that was not sent yet (pending or failed).';

CREATE FUNCTION ops.release_message(message_id text, by text DEFAULT NULL, reason text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    message messages_out;
BEGIN
    UPDATE messages_out AS m
    SET held_reason = NULL, next_attempt_at = NULL, updated_at = clock_timestamp() AT TIME ZONE 'UTC'
    WHERE m.id = message_id AND m.held_reason IS NOT NULL AND m.status IN ('pending', 'failed')
    RETURNING m.* INTO message;
    IF message.id IS NULL THEN
        RAISE EXCEPTION 'no held message that could be sent has the id %', message_id
            USING HINT = 'SELECT id, status, held_reason FROM ops.outbox WHERE held_reason IS NOT NULL; of one that is unknown, say what became of it: SELECT ops.settle_unknown(id, was_sent).';
    END IF;
    PERFORM ops.queue_again(message);
    PERFORM ops.log_act('message_released', 'message_out', message.id, message.tenant_id, message.correlation_id, reason, by);
    RETURN format('message %s is due now', message.id);
END $$;
COMMENT ON FUNCTION ops.release_message IS 'Sends a message that was held for a person.';

CREATE FUNCTION ops.settle_unknown(message_id text, was_sent boolean, by text DEFAULT NULL, reason text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    message messages_out;
BEGIN
    IF was_sent IS NULL THEN
        RAISE EXCEPTION 'was_sent of message % is NULL, expected true or false', message_id
            USING HINT = 'Leave it unknown as long as nobody knows; not sent means that it is sent again.';
    END IF;
    PERFORM set_config('pgcourier.act', 'settle', true);
    UPDATE messages_out AS m
    SET status = CASE WHEN was_sent THEN 'sent' ELSE 'failed' END, held_reason = NULL, lease_token = NULL,
        next_attempt_at = NULL, updated_at = clock_timestamp() AT TIME ZONE 'UTC'
    WHERE m.id = message_id AND m.status = 'unknown'
    RETURNING m.* INTO message;
    PERFORM set_config('pgcourier.act', '', true);
    IF message.id IS NULL THEN
        RAISE EXCEPTION 'no message of unknown outcome has the id %', message_id
            USING HINT = 'SELECT id FROM ops.outbox WHERE status = ''unknown''';
    END IF;
    DELETE FROM outbox_leases AS l
    WHERE l.tenant_id = message.tenant_id AND l.recipient = message."to" AND l.message_id = message.id;
    IF was_sent THEN
        -- Its conversation is free again.
        PERFORM pgcourier_promote(message.tenant_id, message."to");
        PERFORM pg_notify('messages_out', '');
    ELSE
        PERFORM ops.queue_again(message);
    END IF;
    PERFORM ops.log_act(CASE WHEN was_sent THEN 'message_sent' ELSE 'message_failed' END, 'message_out', message.id,
                        message.tenant_id, message.correlation_id, concat('settled by hand', ': ' || nullif(reason, '')), by);
    RETURN format('message %s is %s', message.id, CASE WHEN was_sent THEN 'sent' ELSE 'due again' END);
END $$;
COMMENT ON FUNCTION ops.settle_unknown IS 'What a person found out about a message of unknown outcome: sent, or surely not (it is then due again).';
