-- Functions that act for a person. Each says in words what it did, and writes who did it into event_log.

CREATE FUNCTION ops.log_act(act text, entity_type text, entity_id text, tenant_id text, correlation_id text, reason text)
    RETURNS void LANGUAGE sql SET search_path FROM CURRENT AS $$
    INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type, payload)
    VALUES ($4, $1, $2, $3, coalesce($5, gen_random_uuid()::text), 'operator',
            jsonb_strip_nulls(jsonb_build_object('by', session_user, 'reason', $6)));
$$;

-- Puts a message into the queue, at its own place in its conversation, due now.
CREATE FUNCTION ops.queue_again(message messages_out) RETURNS void
    LANGUAGE sql SET search_path FROM CURRENT AS $$
    INSERT INTO outbox_queue (seq, message_id, tenant_id, recipient, due_at)
    VALUES (($1).seq, ($1).id, ($1).tenant_id, ($1)."to", clock_timestamp())
    ON CONFLICT (seq) DO NOTHING;
$$;

CREATE FUNCTION ops.retry_dead_letter(dead_letter_id text) RETURNS text
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    letter dead_letter_jobs;
    message messages_out;
    event bigint;
BEGIN
    SELECT d.* INTO letter FROM dead_letter_jobs AS d WHERE d.id = dead_letter_id FOR UPDATE;
    IF letter.id IS NULL THEN
        RAISE EXCEPTION 'no dead letter has the id %', dead_letter_id USING HINT = 'SELECT id FROM ops.dead_letters';
    END IF;
    IF letter.resolved_at IS NOT NULL THEN
        RETURN format('already resolved at %s', letter.resolved_at);
    END IF;
    IF letter.job_type = 'message_out' THEN
        PERFORM set_config('pgcourier.act', 'retry', true);
        UPDATE messages_out AS m
        SET status = 'pending', attempts = 0, next_attempt_at = NULL, last_error = NULL, error_code = NULL,
            held_reason = NULL, lease_token = NULL, updated_at = clock_timestamp() AT TIME ZONE 'UTC'
        WHERE m.id = letter.payload ->> 'message_out_id' AND m.status = 'dead'
        RETURNING m.* INTO message;
        PERFORM set_config('pgcourier.act', '', true);
        IF message.id IS NULL THEN
            RAISE EXCEPTION 'the message of dead letter % is no longer dead', dead_letter_id
                USING HINT = 'Discard the dead letter: SELECT ops.discard_dead_letter(id).';
        END IF;
        PERFORM ops.queue_again(message);
        PERFORM ops.log_act('dead_letter_retried', 'message_out', message.id, message.tenant_id, message.correlation_id, NULL);
    ELSE
        SELECT e.id INTO event FROM webhook_events AS e WHERE e.id = (letter.payload ->> 'webhook_event_id')::bigint;
        IF event IS NULL THEN
            RAISE EXCEPTION 'the event of dead letter % is no longer kept (RETENTION_DAYS)', dead_letter_id
                USING HINT = 'Discard the dead letter: SELECT ops.discard_dead_letter(id).';
        END IF;
        -- Due, so that it is tried alone and does not fail a whole batch once more.
        INSERT INTO webhook_queue (id, due_at) VALUES (event, clock_timestamp()) ON CONFLICT (id) DO NOTHING;
        PERFORM pg_notify('pgcourier_events', '');
        PERFORM ops.log_act('dead_letter_retried', 'webhook_event', event::text, letter.tenant_id, NULL, NULL);
    END IF;
    UPDATE dead_letter_jobs AS d SET resolved_at = clock_timestamp() AT TIME ZONE 'UTC' WHERE d.id = dead_letter_id;
    RETURN format('%s %s is pending again', replace(letter.job_type, '_', ' '), coalesce(message.id, event::text));
END $$;
COMMENT ON FUNCTION ops.retry_dead_letter IS 'Makes what a dead letter is about pending again, with attempts 0.';

CREATE FUNCTION ops.discard_dead_letter(dead_letter_id text, reason text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    letter dead_letter_jobs;
BEGIN
    UPDATE dead_letter_jobs AS d SET resolved_at = clock_timestamp() AT TIME ZONE 'UTC'
    WHERE d.id = dead_letter_id AND d.resolved_at IS NULL
    RETURNING d.* INTO letter;
    IF letter.id IS NULL THEN
        RAISE EXCEPTION 'no unresolved dead letter has the id %', dead_letter_id USING HINT = 'SELECT id FROM ops.dead_letters';
    END IF;
    PERFORM ops.log_act('dead_letter_discarded', letter.job_type,
                        coalesce(letter.payload ->> 'message_out_id', letter.payload ->> 'webhook_event_id'),
                        letter.tenant_id, NULL, reason);
    RETURN 'discarded';
END $$;
COMMENT ON FUNCTION ops.discard_dead_letter IS 'Resolves a dead letter without doing anything about it.';

CREATE FUNCTION ops.release_message(message_id text) RETURNS text
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
    PERFORM ops.log_act('message_released', 'message_out', message.id, message.tenant_id, message.correlation_id, NULL);
    RETURN format('message %s is due now', message.id);
END $$;
COMMENT ON FUNCTION ops.release_message IS 'Sends a message that was held for a person.';

CREATE FUNCTION ops.settle_unknown(message_id text, was_sent boolean) RETURNS text
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    message messages_out;
BEGIN
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
                        message.tenant_id, message.correlation_id, 'settled by hand');
    RETURN format('message %s is %s', message.id, CASE WHEN was_sent THEN 'sent' ELSE 'due again' END);
END $$;
COMMENT ON FUNCTION ops.settle_unknown IS 'What a person found out about a message of unknown outcome: sent, or surely not (it is then due again).';
