-- The schema after all migrations and sql/ops. Made by `make schema`.

CREATE SCHEMA ops;

COMMENT ON SCHEMA ops IS 'pgcourier: views to look at (SELECT * FROM ops.health) and functions to act with (SELECT ops.retry_dead_letter(id)). [holds ops.breakers ops.cancel_message ops.dead_letter_reasons ops.dead_letters ops.discard_dead_letter ops.discard_dead_letters ops.do_again ops.find_dead_letters ops.health ops.instances ops.log_act ops.masked ops.outbox ops.pause_id ops.pause_sending ops.pauses ops.queue_again ops.queue_depth ops.release_message ops.resume_sending ops.retry_dead_letter ops.retry_dead_letters ops.settle_unknown ops.stuck ops.tenants ops.throughput ops.trace ops.unrouted]';

CREATE FUNCTION ops.cancel_message(message_id text, reason text DEFAULT NULL::text, by text DEFAULT NULL::text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$
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

COMMENT ON FUNCTION ops.cancel_message(message_id text, reason text, by text) IS 'Takes back a message that was not sent yet (pending or failed).';

CREATE FUNCTION ops.discard_dead_letter(dead_letter_id text, reason text DEFAULT NULL::text, by text DEFAULT NULL::text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$
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
                        letter.tenant_id,
                        (SELECT m.correlation_id FROM messages_out AS m WHERE m.id = letter.payload ->> 'message_out_id'),
                        reason, by, jsonb_build_object('dead_letter_id', letter.id));
    RETURN 'discarded';
END $$;

COMMENT ON FUNCTION ops.discard_dead_letter(dead_letter_id text, reason text, by text) IS 'Resolves a dead letter without doing anything about it.';

CREATE FUNCTION ops.discard_dead_letters(tenant text DEFAULT NULL::text, code integer DEFAULT NULL::integer, since timestamp with time zone DEFAULT NULL::timestamp with time zone, until timestamp with time zone DEFAULT NULL::timestamp with time zone, everything boolean DEFAULT false, reason text DEFAULT NULL::text, by text DEFAULT NULL::text, dry_run boolean DEFAULT false) RETURNS TABLE(dead_letter_id text, entity_id text, is_done boolean, words text)
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT f.id, f.entity_id FROM ops.find_dead_letters(tenant, code, since, until, everything) AS f LOOP
        dead_letter_id := one.id;
        entity_id := one.entity_id;
        is_done := NOT dry_run;
        words := 'would be discarded';
        IF NOT dry_run THEN
            PERFORM FROM dead_letter_jobs AS d WHERE d.id = one.id AND d.resolved_at IS NULL FOR UPDATE;
            CONTINUE WHEN NOT FOUND;  -- somebody else was faster
            words := ops.discard_dead_letter(one.id, reason, by);
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;

COMMENT ON FUNCTION ops.discard_dead_letters(tenant text, code integer, since timestamp with time zone, until timestamp with time zone, everything boolean, reason text, by text, dry_run boolean) IS 'Discards the dead letters of a tenant, an error code or a time; with dry_run only shows which.';

CREATE TABLE public.dead_letter_jobs (
    id text DEFAULT (gen_random_uuid())::text NOT NULL,
    tenant_id text,
    job_type text NOT NULL,
    payload jsonb NOT NULL,
    error_message text,
    error_stack text,
    attempts integer DEFAULT 0 NOT NULL,
    created_at timestamp(3) without time zone DEFAULT (clock_timestamp() AT TIME ZONE 'UTC'::text) NOT NULL,
    resolved_at timestamp(3) without time zone
);

COMMENT ON TABLE public.dead_letter_jobs IS 'What was given up on, kept with its reason until a person retries or discards it.';

COMMENT ON COLUMN public.dead_letter_jobs.job_type IS 'webhook_event or message_out.';

COMMENT ON COLUMN public.dead_letter_jobs.payload IS 'Refers by id: {"webhook_event_id": …} or {"message_out_id": …}.';

CREATE FUNCTION ops.do_again(letter public.dead_letter_jobs, due timestamp with time zone, reason text, by text, OUT is_done boolean, OUT words text) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$
DECLARE
    message messages_out;
    event bigint;
    new_id text;
BEGIN
    is_done := false;
    IF letter.job_type = 'message_out' THEN
        SELECT m.* INTO message FROM messages_out AS m WHERE m.id = letter.payload ->> 'message_out_id' FOR UPDATE;
        IF message.status IS DISTINCT FROM 'dead' AND NOT coalesce(message.status = 'sent' AND message.undelivered_at IS NOT NULL, false) THEN
            words := format('the message of dead letter %s %s', letter.id, coalesce('is no longer dead: it is ' || message.status, 'is not kept any more'));
            RETURN;
        END IF;
        IF message.expires_at <= coalesce(due, clock_timestamp()) THEN
            words := format('the message of dead letter %s %s at %s: it would be sent too late', letter.id,
                            CASE WHEN message.expires_at <= clock_timestamp() THEN 'expired' ELSE 'expires' END, message.expires_at);
            RETURN;
        END IF;
    END IF;
    CASE
    WHEN letter.job_type = 'message_out' AND message.status = 'dead' THEN
        PERFORM set_config('pgcourier.act', 'retry', true);
        UPDATE messages_out AS m
        SET status = 'pending', attempts = 0, deferrals = 0, next_attempt_at = due AT TIME ZONE 'UTC', last_error = NULL,
            error_code = NULL, held_reason = NULL, lease_token = NULL, updated_at = clock_timestamp() AT TIME ZONE 'UTC'
        WHERE m.id = message.id
        RETURNING m.* INTO message;
        PERFORM set_config('pgcourier.act', '', true);
        PERFORM ops.queue_again(message, due);
        words := format('message out %s is pending again', message.id);
    WHEN letter.job_type = 'message_out' THEN
        BEGIN
            INSERT INTO messages_out (tenant_id, "to", body, media_url, content_sid, content_variables, correlation_id, send_at, expires_at)
            VALUES (message.tenant_id, message."to", message.body, message.media_url, message.content_sid,
                    message.content_variables, message.correlation_id, due, message.expires_at)
            RETURNING id INTO new_id;
        EXCEPTION WHEN check_violation THEN  -- what the predecessor's rows may hold
            words := format('the message of dead letter %s cannot be written again: %s', letter.id, SQLERRM);
            RETURN;
        END;
        words := format('message out %s was sent and not delivered; written again as message %s', message.id, new_id);
    ELSE
        SELECT e.id INTO event FROM webhook_events AS e WHERE e.id = (letter.payload ->> 'webhook_event_id')::bigint;
        IF event IS NULL THEN
            words := format('the event of dead letter %s is no longer kept (RETENTION_DAYS)', letter.id);
            RETURN;
        END IF;
        -- Due, so that it is tried alone and does not fail a whole batch once more.
        INSERT INTO webhook_queue (id, due_at) VALUES (event, coalesce(due, clock_timestamp())) ON CONFLICT (id) DO NOTHING;
        PERFORM pg_notify('pgcourier_events', '');
        words := format('webhook event %s is pending again', event);
    END CASE;
    UPDATE dead_letter_jobs AS d SET resolved_at = clock_timestamp() AT TIME ZONE 'UTC' WHERE d.id = letter.id;
    PERFORM ops.log_act('dead_letter_retried', letter.job_type, coalesce(message.id, event::text), letter.tenant_id,
                        message.correlation_id, reason, by,
                        jsonb_build_object('dead_letter_id', letter.id, 'new_message_id', new_id));
    is_done := true;
END $$;

CREATE FUNCTION ops.find_dead_letters(tenant text, code integer, since timestamp with time zone, until timestamp with time zone, everything boolean) RETURNS TABLE(id text, entity_id text, seq bigint)
    LANGUAGE plpgsql STABLE
    SET search_path TO '$user', 'public'
    AS $$
BEGIN
    IF num_nonnulls(tenant, code, since, until) = 0 AND NOT coalesce(everything, false) THEN
        RAISE EXCEPTION 'no filter was given: expected tenant, code, since or until, or everything => true';
    END IF;
    RETURN QUERY
        SELECT d.id, coalesce(d.payload ->> 'message_out_id', d.payload ->> 'webhook_event_id'),
               coalesce(m.seq, (d.payload ->> 'webhook_event_id')::bigint)
        FROM dead_letter_jobs AS d
        LEFT JOIN messages_out AS m ON d.job_type = 'message_out' AND m.id = d.payload ->> 'message_out_id'
        WHERE d.resolved_at IS NULL
          AND (find_dead_letters.tenant IS NULL OR d.tenant_id = find_dead_letters.tenant)
          AND (find_dead_letters.code IS NULL OR m.error_code = find_dead_letters.code)
          AND (find_dead_letters.since IS NULL OR d.created_at >= find_dead_letters.since AT TIME ZONE 'UTC')
          AND (find_dead_letters.until IS NULL OR d.created_at < find_dead_letters.until AT TIME ZONE 'UTC')
        ORDER BY m.seq NULLS LAST, 3, d.created_at, d.id;
END $$;

CREATE FUNCTION ops.log_act(act text, entity_type text, entity_id text, tenant_id text, correlation_id text, reason text, actor text DEFAULT NULL::text, details jsonb DEFAULT '{}'::jsonb) RETURNS void
    LANGUAGE sql
    SET search_path TO '$user', 'public'
    AS $_$
    INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type, payload)
    VALUES ($4, $1, $2, $3, coalesce($5, gen_random_uuid()::text), 'operator',
            jsonb_strip_nulls(jsonb_build_object('by', coalesce(nullif($7, ''), session_user), 'reason', nullif($6, '')) || $8));
$_$;

CREATE FUNCTION ops.masked(address text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN (address ~ '^\+[1-9][0-9]{7,14}$'::text) THEN (("left"(address, 4) || '…'::text) || "right"(address, 2)) WHEN (address ~ '^[A-Z]{2}\.'::text) THEN ("left"(address, 3) || '…'::text) WHEN (address = ''::text) THEN ''::text ELSE '…'::text END;

COMMENT ON FUNCTION ops.masked(address text) IS 'An address as logs and views show it: +336…78.';

CREATE FUNCTION ops.pause_id(scope text, id text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO '$user', 'public'
    AS $_$
BEGIN
    IF scope = 'all' THEN
        IF coalesce(id, '') <> '' THEN
            RAISE EXCEPTION 'pausing all takes no id, found %', id USING HINT = 'SELECT ops.pause_sending(''tenant'', id) pauses one tenant.';
        END IF;
        RETURN '';
    ELSIF scope = 'tenant' THEN
        IF NOT EXISTS (SELECT FROM tenants AS t WHERE t.id = $2) THEN
            RAISE EXCEPTION 'no tenant has the id %', coalesce(id, 'NULL') USING HINT = 'SELECT id, name FROM ops.tenants';
        END IF;
        RETURN id;
    ELSIF scope = 'sender' THEN
        IF pgcourier_bare_address(coalesce(id, '')) !~ '^\+[1-9][0-9]{7,14}$' THEN
            RAISE EXCEPTION 'a sender is a number like +33700000001' USING HINT = 'SELECT id, number FROM ops.tenants';
        END IF;
        RETURN pgcourier_bare_address(id);
    END IF;
    RAISE EXCEPTION 'scope is %, expected all, tenant or sender', coalesce(scope, 'NULL');
END $_$;

CREATE FUNCTION ops.pause_sending(scope text DEFAULT 'all'::text, id text DEFAULT NULL::text, reason text DEFAULT NULL::text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $_$
DECLARE
    paused text := ops.pause_id(scope, id);
BEGIN
    INSERT INTO outbox_pauses (kind, id, reason) VALUES (scope, paused, $3) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN 'already paused';
    END IF;
    PERFORM ops.log_act('sending_paused_by_hand', 'scope',
                        pgcourier_masked_scope(scope || CASE WHEN paused <> '' THEN ':' || paused ELSE '' END),
                        CASE WHEN scope = 'tenant' THEN paused END, NULL, $3);
    RETURN 'paused; what is in flight is finished. SELECT ops.resume_sending(…) goes on.';
END $_$;

COMMENT ON FUNCTION ops.pause_sending(scope text, id text, reason text) IS 'Sends nothing more for all, one tenant (by id) or one sender (by number) until it is resumed. Uses no attempts.';

CREATE TABLE public.messages_out (
    id text DEFAULT (gen_random_uuid())::text NOT NULL,
    tenant_id text NOT NULL,
    "to" text NOT NULL,
    body text DEFAULT ''::text NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp(3) without time zone,
    last_error text,
    correlation_id text DEFAULT (gen_random_uuid())::text NOT NULL,
    provider_message_id text,
    created_at timestamp(3) without time zone DEFAULT (clock_timestamp() AT TIME ZONE 'UTC'::text) NOT NULL,
    updated_at timestamp(3) without time zone DEFAULT (clock_timestamp() AT TIME ZONE 'UTC'::text) NOT NULL,
    seq bigint NOT NULL,
    media_url text,
    content_sid text,
    content_variables text,
    sent_from text,
    error_code integer,
    lease_token text,
    held_reason text,
    sent_at timestamp with time zone,
    delivery_status text,
    deferrals smallint DEFAULT 0 NOT NULL,
    calls integer DEFAULT 0 NOT NULL,
    send_at timestamp with time zone,
    expires_at timestamp with time zone,
    dedupe_key text,
    on_duplicate text DEFAULT 'refuse'::text NOT NULL,
    delivered_at timestamp with time zone,
    read_at timestamp with time zone,
    undelivered_at timestamp with time zone
)
WITH (fillfactor='80');

COMMENT ON COLUMN public.messages_out.status IS 'pending, sending, sent, failed (surely not sent, due again at next_attempt_at), unknown (perhaps sent), dead, blocked, expired, canceled.';

COMMENT ON COLUMN public.messages_out.seq IS 'The order in which messages to one person go out.';

COMMENT ON COLUMN public.messages_out.media_url IS 'One media item; WhatsApp takes no more.';

COMMENT ON COLUMN public.messages_out.content_sid IS 'A template (HX…) instead of a body.';

COMMENT ON COLUMN public.messages_out.content_variables IS 'The template''s variables, JSON text.';

COMMENT ON COLUMN public.messages_out.sent_from IS 'The number it was sent from.';

COMMENT ON COLUMN public.messages_out.error_code IS 'Twilio''s code of the last failure.';

COMMENT ON COLUMN public.messages_out.lease_token IS 'The proof of whoever is sending it; only a row with a new token becomes sending.';

COMMENT ON COLUMN public.messages_out.held_reason IS 'Why it waits for a person; NULL: it does not.';

COMMENT ON COLUMN public.messages_out.delivery_status IS 'What Twilio said of it after it had taken it.';

COMMENT ON COLUMN public.messages_out.deferrals IS 'How often it was put back without using an attempt, since its failure was not its own.';

COMMENT ON COLUMN public.messages_out.calls IS 'Calls at Twilio in all. Unlike attempts it never goes back, so that a callback tells which call it is of.';

COMMENT ON COLUMN public.messages_out.send_at IS 'Not sent before; NULL: at once.';

COMMENT ON COLUMN public.messages_out.expires_at IS 'Not sent from then on: it becomes expired. NULL: never.';

COMMENT ON COLUMN public.messages_out.dedupe_key IS 'A second row of the tenant with the same key within 24 hours is refused or ignored.';

COMMENT ON COLUMN public.messages_out.on_duplicate IS 'What becomes of this row when its dedupe_key was used already: refuse (an error) or ignore (nothing is inserted).';

COMMENT ON COLUMN public.messages_out.delivered_at IS 'When Twilio told that it had reached the phone.';

COMMENT ON COLUMN public.messages_out.read_at IS 'When Twilio told that it had been read.';

COMMENT ON COLUMN public.messages_out.undelivered_at IS 'When Twilio told that it could not be delivered after all.';

CREATE FUNCTION ops.queue_again(message public.messages_out, due timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS void
    LANGUAGE sql
    SET search_path TO '$user', 'public'
    AS $_$
    INSERT INTO outbox_queue (seq, message_id, tenant_id, recipient, due_at, expires_at, is_retry)
    VALUES (($1).seq, ($1).id, ($1).tenant_id, ($1)."to", least(coalesce($2, clock_timestamp()), ($1).expires_at),
            ($1).expires_at, $2 IS NOT NULL)
    ON CONFLICT (seq) DO NOTHING;
    SELECT pg_notify('messages_out', '');
$_$;

CREATE FUNCTION ops.release_message(message_id text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$
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

COMMENT ON FUNCTION ops.release_message(message_id text) IS 'Sends a message that was held for a person.';

CREATE FUNCTION ops.resume_sending(scope text DEFAULT 'all'::text, id text DEFAULT NULL::text, reason text DEFAULT NULL::text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $_$
DECLARE
    paused text := CASE WHEN scope = 'tenant' THEN id ELSE ops.pause_id(scope, id) END;
BEGIN
    DELETE FROM outbox_pauses AS p WHERE p.kind = scope AND p.id = paused;
    IF NOT FOUND THEN
        RETURN 'it was not paused; SELECT * FROM ops.pauses shows what is';
    END IF;
    PERFORM pg_notify('messages_out', '');
    PERFORM ops.log_act('sending_resumed_by_hand', 'scope',
                        pgcourier_masked_scope(scope || CASE WHEN paused <> '' THEN ':' || paused ELSE '' END),
                        CASE WHEN scope = 'tenant' THEN paused END, NULL, $3);
    RETURN 'resumed';
END $_$;

COMMENT ON FUNCTION ops.resume_sending(scope text, id text, reason text) IS 'Goes on with what ops.pause_sending has paused.';

CREATE FUNCTION ops.retry_dead_letter(dead_letter_id text, by text DEFAULT NULL::text, reason text DEFAULT NULL::text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$
DECLARE
    letter dead_letter_jobs;
    done record;
BEGIN
    SELECT d.* INTO letter FROM dead_letter_jobs AS d WHERE d.id = dead_letter_id FOR UPDATE;
    IF letter.id IS NULL THEN
        RAISE EXCEPTION 'no dead letter has the id %', dead_letter_id USING HINT = 'SELECT id FROM ops.dead_letters';
    END IF;
    IF letter.resolved_at IS NOT NULL THEN
        RETURN format('already resolved at %s', letter.resolved_at);
    END IF;
    done := ops.do_again(letter, NULL, reason, by);
    IF NOT done.is_done THEN
        RAISE EXCEPTION '%', done.words USING HINT = 'Discard the dead letter: SELECT ops.discard_dead_letter(id).';
    END IF;
    RETURN done.words;
END $$;

COMMENT ON FUNCTION ops.retry_dead_letter(dead_letter_id text, by text, reason text) IS 'Makes what a dead letter is about pending again, with attempts 0; a message that was sent and not delivered is written again.';

CREATE FUNCTION ops.retry_dead_letters(tenant text DEFAULT NULL::text, code integer DEFAULT NULL::integer, since timestamp with time zone DEFAULT NULL::timestamp with time zone, until timestamp with time zone DEFAULT NULL::timestamp with time zone, everything boolean DEFAULT false, per_second double precision DEFAULT NULL::double precision, reason text DEFAULT NULL::text, by text DEFAULT NULL::text, dry_run boolean DEFAULT false) RETURNS TABLE(dead_letter_id text, entity_id text, due_at timestamp with time zone, is_done boolean, words text)
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$
DECLARE
    one record;
    letter dead_letter_jobs;
    done record;
    start timestamptz := clock_timestamp();
    place bigint := 0;
BEGIN
    IF per_second <= 0 THEN
        RAISE EXCEPTION 'per_second is %, expected more than 0', per_second;
    END IF;
    FOR one IN SELECT f.id, f.entity_id FROM ops.find_dead_letters(tenant, code, since, until, everything) AS f LOOP
        dead_letter_id := one.id;
        entity_id := one.entity_id;
        due_at := start + coalesce(place / per_second, 0) * interval '1 s';
        is_done := NOT dry_run;
        words := 'would be done again';
        IF NOT dry_run THEN
            SELECT d.* INTO letter FROM dead_letter_jobs AS d WHERE d.id = one.id AND d.resolved_at IS NULL FOR UPDATE;
            CONTINUE WHEN letter.id IS NULL;  -- somebody else was faster
            done := ops.do_again(letter, CASE WHEN per_second IS NOT NULL THEN due_at END, reason, by);
            is_done := done.is_done;
            words := done.words;
        END IF;
        -- What cannot be done leaves no gap.
        place := place + (dry_run OR is_done)::integer;
        RETURN NEXT;
    END LOOP;
END $$;

COMMENT ON FUNCTION ops.retry_dead_letters(tenant text, code integer, since timestamp with time zone, until timestamp with time zone, everything boolean, per_second double precision, reason text, by text, dry_run boolean) IS 'Retries the dead letters of a tenant, an error code or a time, in their order; with per_second at that rate, with dry_run only shows which.';

CREATE FUNCTION ops.settle_unknown(message_id text, was_sent boolean) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$
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

COMMENT ON FUNCTION ops.settle_unknown(message_id text, was_sent boolean) IS 'What a person found out about a message of unknown outcome: sent, or surely not (it is then due again).';

CREATE FUNCTION ops.trace(id text) RETURNS TABLE(at timestamp with time zone, what text, entity text, detail text, ms_since_previous numeric)
    LANGUAGE sql STABLE
    SET search_path TO '$user', 'public'
    AS $_$
    WITH correlations AS (
        SELECT $1 AS correlation_id
        UNION SELECT m.correlation_id FROM messages_in AS m WHERE m.id = $1 OR m.provider_message_id = $1
        UNION SELECT m.correlation_id FROM messages_out AS m WHERE m.id = $1
        UNION SELECT m.correlation_id FROM messages_out AS m WHERE m.provider_message_id = $1
        UNION SELECT e.correlation_id FROM webhook_events AS e WHERE e.key = 'msg:' || $1),
    happened AS (
        SELECT e.received_at AS at, 'received' AS what, 'webhook_event ' || e.id AS entity, e.kind || ' by ' || e.source AS detail
        FROM webhook_events AS e JOIN correlations AS c ON e.key IN (
            SELECT 'msg:' || m.provider_message_id FROM messages_in AS m WHERE m.correlation_id = c.correlation_id)
        UNION ALL
        SELECT m.created_at AT TIME ZONE 'UTC', 'written to messages_out', 'message_out ' || m.id, 'for ' || ops.masked(m."to")
        FROM messages_out AS m JOIN correlations AS c USING (correlation_id)
        UNION ALL
        SELECT l.created_at AT TIME ZONE 'UTC', l.event_type, l.entity_type || coalesce(' ' || l.entity_id, ''),
               nullif(l.payload::text, '{}')
        FROM event_log AS l JOIN correlations AS c USING (correlation_id)
        UNION ALL
        SELECT d.received_at, 'callback: ' || d.status, 'message_out ' || m.id, 'error ' || d.error_code
        FROM messages_out AS m JOIN correlations AS c USING (correlation_id)
        JOIN delivery_events AS d ON d.provider_message_id = m.provider_message_id)
    SELECT h.at, h.what, h.entity, h.detail,
           round((extract(epoch FROM h.at - lag(h.at) OVER (ORDER BY h.at)) * 1000)::numeric, 1)
    FROM happened AS h ORDER BY h.at;
$_$;

COMMENT ON FUNCTION ops.trace(id text) IS 'All that happened to one correlation id, message id or provider id, in order.';

CREATE FUNCTION public.pgcourier_bare_address(address text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN regexp_replace(btrim(address), '^whatsapp:'::text, ''::text, 'i'::text);

COMMENT ON FUNCTION public.pgcourier_bare_address(address text) IS 'The address without a leading whatsapp: and without spaces around.';

CREATE FUNCTION public.pgcourier_check_message_out() RETURNS trigger
    LANGUAGE plpgsql
    AS $_$
DECLARE
    first text;
    kind text;
BEGIN
    -- An ordinary message, in one expression: each further one is set up anew in every transaction.
    IF NEW."to" ~ '^\+[1-9][0-9]{7,14}$' AND NEW.body <> '' AND char_length(NEW.body) <= 1600 AND NEW.status = 'pending'
       AND pg_catalog.num_nonnulls(NEW.media_url, NEW.content_sid, NEW.content_variables, NEW.send_at, NEW.expires_at, NEW.dedupe_key,
                        NEW.next_attempt_at) = 0
       AND NEW.on_duplicate = 'refuse'
       -- What pgcourier_utc_if_now() would change.
       AND (now()::timestamp = now() AT TIME ZONE 'UTC'
            OR NEW.created_at NOT IN (now()::timestamp(3), now()::timestamp)
               AND NEW.updated_at NOT IN (now()::timestamp(3), now()::timestamp)) THEN
        RETURN NEW;
    END IF;
    NEW."to" := public.pgcourier_bare_address(NEW."to");
    IF NEW."to" !~ '^\+[1-9][0-9]{7,14}$' AND NEW."to" !~ '^[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}$' THEN
        RAISE EXCEPTION 'messages_out."to" is neither a phone number in E.164 form nor a WhatsApp user id'
            USING ERRCODE = 'check_violation', HINT = 'Write it like +33612345678, with or without whatsapp:.';
    END IF;
    IF NEW.body IS NULL THEN
        NEW.body := '';
    END IF;
    IF char_length(NEW.body) > 1600 THEN
        RAISE EXCEPTION 'messages_out.body has % characters, WhatsApp takes at most 1600', char_length(NEW.body)
            USING ERRCODE = 'check_violation', HINT = 'Insert several rows: they go out in the order in which they were inserted.';
    END IF;
    IF NEW.media_url IS NOT NULL THEN
        NEW.media_url := nullif(btrim(NEW.media_url, E' \t\r\n'), '');
        -- A comma may belong to a URL: only what begins like another one after it is a second item.
        IF NEW.media_url ~ '^\[' OR NEW.media_url ~* '[\s,;]\s*https?://' THEN
            RAISE EXCEPTION 'messages_out.media_url has more than one item, WhatsApp takes one media item a message'
                USING ERRCODE = 'check_violation', HINT = 'Insert a row for each: they go out in the order in which they were inserted.';
        END IF;
        IF NEW.media_url !~* '^https?://[^\s/]+\S*$' THEN
            RAISE EXCEPTION 'messages_out.media_url is not an http or https URL'
                USING ERRCODE = 'check_violation', HINT = 'Twilio fetches the media from there; write it like https://shop.example.com/picture.jpg.';
        END IF;
    END IF;
    NEW.content_sid := nullif(NEW.content_sid, '');
    IF NEW.content_sid !~ '^HX[0-9a-fA-F]{32}$' THEN
        RAISE EXCEPTION 'messages_out.content_sid is not a template''s id'
            USING ERRCODE = 'check_violation', HINT = 'It is HX and 32 hexadecimal digits, as Twilio''s content editor shows it.';
    END IF;
    NEW.content_variables := nullif(NEW.content_variables, '');
    IF NEW.content_variables IS NOT NULL THEN
        IF NEW.content_sid IS NULL THEN
            RAISE EXCEPTION 'messages_out.content_variables without a content_sid'
                USING ERRCODE = 'check_violation', HINT = 'Variables belong to a template: set content_sid.';
        END IF;
        BEGIN
            kind := json_typeof(NEW.content_variables::json);
        EXCEPTION WHEN invalid_text_representation THEN
            kind := 'no JSON';
        END;
        IF kind <> 'object' THEN
            RAISE EXCEPTION 'messages_out.content_variables is not a JSON object but %',
                            CASE kind WHEN 'no JSON' THEN kind ELSE 'a JSON ' || kind END
                USING ERRCODE = 'check_violation', HINT = 'Write it like {"1": "Zoé", "2": "12:30"}.';
        END IF;
    END IF;
    IF NEW.body = '' AND NEW.media_url IS NULL AND NEW.content_sid IS NULL THEN
        RAISE EXCEPTION 'messages_out: a message needs a body, a media_url or a content_sid'
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.status IN ('sending', 'unknown', 'failed') THEN
        RAISE EXCEPTION 'messages_out.status of a new row is %, expected pending', NEW.status
            USING ERRCODE = 'check_violation', HINT = 'Insert it as pending: pgcourier does the rest.';
    END IF;
    IF NEW.status NOT IN ('pending', 'sent', 'dead', 'blocked', 'expired', 'canceled') THEN
        RAISE EXCEPTION 'messages_out.status is %, expected pending', NEW.status USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.expires_at <= NEW.send_at THEN
        RAISE EXCEPTION 'messages_out.expires_at is not after send_at: it could never be sent'
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.expires_at <= clock_timestamp() AND NEW.status = 'pending' THEN
        RAISE EXCEPTION 'messages_out.expires_at is not in the future: it would expire unsent'
            USING ERRCODE = 'check_violation', HINT = 'A time without a zone is in the session''s TimeZone; write it like now() + interval ''2 hours''.';
    END IF;
    NEW.created_at := public.pgcourier_utc_if_now(NEW.created_at);
    NEW.updated_at := public.pgcourier_utc_if_now(NEW.updated_at);
    NEW.next_attempt_at := public.pgcourier_utc_if_now(NEW.next_attempt_at);

    IF NEW.on_duplicate NOT IN ('refuse', 'ignore') THEN
        RAISE EXCEPTION 'messages_out.on_duplicate is %, expected refuse or ignore', NEW.on_duplicate
            USING ERRCODE = 'check_violation';
    END IF;
    NEW.dedupe_key := nullif(NEW.dedupe_key, '');
    IF NEW.dedupe_key IS NULL THEN
        RETURN NEW;
    END IF;
    IF char_length(NEW.dedupe_key) > 200 THEN
        RAISE EXCEPTION 'messages_out.dedupe_key has % characters, at most 200 are taken', char_length(NEW.dedupe_key)
            USING ERRCODE = 'check_violation';
    END IF;
    -- Last, so that a row that is refused for another reason waits for nobody.
    first := public.pgcourier_take_dedupe_key(NEW.tenant_id, NEW.dedupe_key, NEW.id);
    IF first IS NULL THEN
        RETURN NEW;
    END IF;
    IF NEW.on_duplicate = 'ignore' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'messages_out.dedupe_key was used within 24 hours, by message %', first
        USING ERRCODE = 'unique_violation', HINT = 'With on_duplicate = ''ignore'' a second row is dropped without an error.';
END $_$;

CREATE FUNCTION public.pgcourier_guard_status() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    IF NEW.status = 'sending' AND OLD.status IN ('pending', 'failed')
       AND NEW.lease_token IS NOT NULL AND NEW.lease_token IS DISTINCT FROM OLD.lease_token THEN
        RETURN NEW;
    END IF;
    IF OLD.status = 'sending' AND NEW.status = 'unknown' AND NEW.lease_token IS NOT DISTINCT FROM OLD.lease_token THEN
        RETURN NEW;
    END IF;
    IF OLD.status IN ('sending', 'unknown') AND OLD.lease_token IS NOT NULL AND NEW.lease_token IS NULL
       AND NEW.status IN ('sent', 'failed', 'dead', 'pending') AND NOT (OLD.status = 'unknown' AND NEW.status = 'pending') THEN
        RETURN NEW;
    END IF;
    IF coalesce(current_setting('pgcourier.act', true), '') <> ''
       AND (OLD.status, NEW.status) IN (('pending', 'blocked'), ('failed', 'blocked'), ('pending', 'expired'), ('failed', 'expired'),
            ('pending', 'canceled'), ('failed', 'canceled'), ('dead', 'pending'), ('failed', 'pending'), ('unknown', 'sent'),
            ('unknown', 'failed'), ('unknown', 'dead'), ('failed', 'dead'), ('pending', 'dead'),
            -- A callback says that it was sent after all.
            ('pending', 'sent'), ('failed', 'sent'), ('dead', 'sent')) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'messages_out: status % cannot become % here', OLD.status, NEW.status
        USING ERRCODE = 'check_violation',
              HINT = 'SELECT ops.cancel_message(id) takes back one that waits, ops.retry_dead_letter(id) sends a dead letter again, ops.release_message(id) lets a held one go, ops.settle_unknown(id, was_sent) decides an unknown one.';
END $$;

CREATE FUNCTION public.pgcourier_keep_expiry() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    SELECT m.expires_at INTO NEW.expires_at FROM messages_out AS m WHERE m.seq = NEW.seq;
    NEW.due_at := least(NEW.due_at, NEW.expires_at);
    RETURN NEW;
END $$;

CREATE FUNCTION public.pgcourier_masked_scope(scope text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN (scope ~ '^sender:\+[1-9][0-9]{7,14}$'::text) THEN (("left"(scope, 11) || '…'::text) || "right"(scope, 2)) ELSE scope END;

COMMENT ON FUNCTION public.pgcourier_masked_scope(scope text) IS 'A scope without the whole number: sender:+336…78.';

CREATE FUNCTION public.pgcourier_normalise_opt_out() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    NEW.phone_number := pgcourier_bare_address(NEW.phone_number);
    NEW.opted_out_at := pgcourier_utc_if_now(NEW.opted_out_at);
    NEW.created_at := pgcourier_utc_if_now(NEW.created_at);
    NEW.updated_at := pgcourier_utc_if_now(NEW.updated_at);
    RETURN NEW;
END $$;

CREATE FUNCTION public.pgcourier_normalise_seller_phone() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    NEW.phone_number := pgcourier_bare_address(NEW.phone_number);
    NEW.created_at := pgcourier_utc_if_now(NEW.created_at);
    RETURN NEW;
END $$;

CREATE FUNCTION public.pgcourier_normalise_tenant() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    NEW.whatsapp_phone_number := nullif(pgcourier_bare_address(NEW.whatsapp_phone_number), '');
    NEW.created_at := pgcourier_utc_if_now(NEW.created_at);
    NEW.updated_at := pgcourier_utc_if_now(NEW.updated_at);
    RETURN NEW;
END $$;

CREATE FUNCTION public.pgcourier_open_scope(named text, code integer, why text, probe_in interval, by_callback boolean DEFAULT false) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    was_open boolean;
BEGIN
    INSERT INTO outbox_scopes (scope) VALUES (named) ON CONFLICT (scope) DO NOTHING;
    SELECT s.opened_at IS NOT NULL INTO was_open FROM outbox_scopes AS s WHERE s.scope = named FOR UPDATE;
    UPDATE outbox_scopes AS s
    SET opened_at = coalesce(s.opened_at, clock_timestamp()), calls = 1, error_code = code, reason = why,
        probes = CASE WHEN was_open THEN s.probes + by_callback::integer ELSE 0 END, is_by_callback = by_callback,
        probe_at = greatest(CASE WHEN was_open THEN s.probe_at END, clock_timestamp() + probe_in,
                            CASE WHEN was_open AND by_callback
                                 THEN clock_timestamp() + least(interval '60 s' * 2 ^ least(s.probes, 3), interval '5 min') END)
    WHERE s.scope = named;
    IF was_open THEN
        RETURN false;
    END IF;
    INSERT INTO event_log (event_type, entity_type, entity_id, correlation_id, actor_type, payload)
    VALUES ('sending_paused', 'scope', pgcourier_masked_scope(named), gen_random_uuid()::text, 'system',
            jsonb_strip_nulls(jsonb_build_object('code', code, 'reason', why)));
    PERFORM pg_notify('ops_alert', '');
    RETURN true;
END $$;

COMMENT ON FUNCTION public.pgcourier_open_scope(named text, code integer, why text, probe_in interval, by_callback boolean) IS 'Opens the breaker of a scope; its first caller alerts.';

CREATE FUNCTION public.pgcourier_promote(tenant text, person text) RETURNS void
    LANGUAGE sql
    SET search_path TO 'public', 'pg_temp'
    AS $_$
    UPDATE outbox_queue AS q
    SET due_at = now(), is_behind = false
    FROM (SELECT n.seq FROM outbox_queue AS n
          WHERE n.tenant_id = $1 AND n.recipient = $2 AND (n.due_at <= now() OR n.is_retry OR n.is_behind)
          ORDER BY n.seq LIMIT 1
          FOR UPDATE) AS next
    WHERE q.seq = next.seq AND q.is_behind;
$_$;

COMMENT ON FUNCTION public.pgcourier_promote(tenant text, person text) IS 'Makes the next message of a conversation due, after the one before it has gone.';

CREATE FUNCTION public.pgcourier_queue_messages_out() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO public.outbox_queue (seq, message_id, tenant_id, recipient, due_at, expires_at)
    SELECT NEW.seq, NEW.id, NEW.tenant_id, NEW."to",
           least(greatest(NEW.send_at, NEW.next_attempt_at AT TIME ZONE 'UTC', now()), NEW.expires_at), NEW.expires_at
    WHERE NEW.status = 'pending' AND NEW.held_reason IS NULL;
    RETURN NULL;
END $$;

CREATE FUNCTION public.pgcourier_record_opt_word(tenant text, address text, said text, said_at timestamp with time zone, said_in text, event bigint, correlation text) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    person text := pgcourier_bare_address(address);
    addresses text[];
    newest record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('pgcourier_opt_out'), hashtext(tenant));
    INSERT INTO opt_out_history (tenant_id, phone_number, word, occurred_at, source, event_id)
    VALUES (tenant, person, said, said_at, said_in, event);
    SELECT array_agg(DISTINCT h.phone_number) INTO addresses
    FROM opt_out_history AS own
    JOIN opt_out_history AS h ON h.id = own.id OR h.event_id = own.event_id AND h.tenant_id = tenant
    WHERE own.tenant_id = tenant AND own.phone_number = person;
    SELECT h.word, h.occurred_at INTO newest FROM opt_out_history AS h
    WHERE h.tenant_id = tenant AND h.phone_number = ANY (addresses)
    ORDER BY h.occurred_at DESC, h.id DESC LIMIT 1;

    IF newest.word = 'start' THEN
        DELETE FROM opt_outs WHERE tenant_id = tenant AND phone_number = ANY (addresses);
        RETURN false;
    END IF;
    INSERT INTO opt_outs (tenant_id, phone_number, opted_out_at, created_at, updated_at)
    SELECT tenant, a.address, newest.occurred_at AT TIME ZONE 'UTC', clock_timestamp() AT TIME ZONE 'UTC',
           clock_timestamp() AT TIME ZONE 'UTC'
    FROM unnest(addresses) AS a (address)
    ON CONFLICT (tenant_id, phone_number) DO UPDATE
    SET opted_out_at = excluded.opted_out_at, updated_at = excluded.updated_at;

    PERFORM set_config('pgcourier.act', 'opt_out', true);
    WITH waiting AS MATERIALIZED (
        SELECT q.seq, q.message_id FROM outbox_queue AS q
        WHERE q.tenant_id = tenant AND q.recipient = ANY (addresses)
        ORDER BY q.seq
        FOR UPDATE SKIP LOCKED),
    gone AS (
        DELETE FROM outbox_queue AS q USING waiting AS w WHERE q.seq = w.seq RETURNING q.message_id),
    blocked AS (
        UPDATE messages_out AS m
        SET status = 'blocked', last_error = 'the recipient opted out', updated_at = clock_timestamp() AT TIME ZONE 'UTC'
        FROM gone WHERE m.id = gone.message_id AND m.status IN ('pending', 'failed')
        RETURNING m.id, m.tenant_id, m.correlation_id)
    INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type)
    SELECT b.tenant_id, 'message_blocked_optout', 'message_out', b.id, b.correlation_id, 'system' FROM blocked AS b;
    PERFORM set_config('pgcourier.act', '', true);
    RETURN true;
END $$;

CREATE FUNCTION public.pgcourier_route_again() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    IF NEW.whatsapp_phone_number IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO webhook_queue (id)
    SELECT m.event_id FROM messages_in AS m
    WHERE m.tenant_id IS NULL AND m."to" = NEW.whatsapp_phone_number AND m.event_id IS NOT NULL
      AND EXISTS (SELECT FROM webhook_events AS e WHERE e.id = m.event_id)
    ORDER BY m.event_id
    ON CONFLICT (id) DO NOTHING;
    IF FOUND THEN
        PERFORM pg_notify('pgcourier_events', '');
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.pgcourier_take_dedupe_key(tenant text, key text, message text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    held outbox_dedupe_keys;
BEGIN
    LOOP
        INSERT INTO outbox_dedupe_keys (tenant_id, dedupe_key, message_id, taken_at)
        VALUES (tenant, key, message, clock_timestamp())
        ON CONFLICT (tenant_id, dedupe_key) DO NOTHING;
        IF FOUND THEN
            RETURN NULL;
        END IF;
        SELECT k.* INTO held FROM outbox_dedupe_keys AS k WHERE k.tenant_id = tenant AND k.dedupe_key = key FOR UPDATE;
        CONTINUE WHEN NOT FOUND;  -- forgotten a moment ago
        -- A statement of its own: it must see the message of a writer that we have waited for. A message that was deleted,
        -- or never came to be since its row was in conflict with another, keeps no key.
        IF held.taken_at > clock_timestamp() - interval '24 hours'
           AND EXISTS (SELECT FROM messages_out AS m WHERE m.id = held.message_id AND m.dedupe_key = key) THEN
            -- The same row once more: its primary key decides, as the writer's ON CONFLICT says.
            RETURN nullif(held.message_id, message);
        END IF;
        UPDATE outbox_dedupe_keys AS k SET message_id = message, taken_at = clock_timestamp()
        WHERE k.tenant_id = tenant AND k.dedupe_key = key;
        RETURN NULL;
    END LOOP;
END $$;

CREATE FUNCTION public.pgcourier_unhold() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    NEW.held_reason := NULL;
    RETURN NEW;
END $$;

CREATE FUNCTION public.pgcourier_unqueue_messages_out() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    freed record;
BEGIN
    FOR freed IN
        WITH dequeued AS (
            DELETE FROM outbox_queue AS q USING old_rows AS o WHERE q.seq = o.seq RETURNING q.tenant_id, q.recipient),
        unleased AS (
            DELETE FROM outbox_leases AS l USING old_rows AS o
            WHERE l.tenant_id = o.tenant_id AND l.recipient = o."to" AND l.message_id = o.id
            RETURNING l.tenant_id, l.recipient)
        SELECT d.tenant_id, d.recipient FROM dequeued AS d UNION SELECT u.tenant_id, u.recipient FROM unleased AS u
    LOOP
        PERFORM pgcourier_promote(freed.tenant_id, freed.recipient);
    END LOOP;
    RETURN NULL;
END $$;

CREATE FUNCTION public.pgcourier_utc_if_now(value timestamp without time zone) RETURNS timestamp without time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN ((value = (now())::timestamp(3) without time zone) OR (value = (now())::timestamp without time zone)) THEN (now() AT TIME ZONE 'UTC'::text) ELSE value END;

COMMENT ON FUNCTION public.pgcourier_utc_if_now(value timestamp without time zone) IS 'What NOW() in a hand-typed insert means: the moment in UTC, whatever the time zone of the session.';

CREATE FUNCTION public.pgcourier_wake_sender() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    -- CASE, so that a row that wakes nobody never takes the lock; in parentheses, or its THEN would end the IF.
    IF (CASE WHEN NEW.is_retry AND NEW.due_at > clock_timestamp() THEN false
             ELSE pg_try_advisory_xact_lock(hashtext('pgcourier'), hashtext('messages_out')) END) THEN
        PERFORM pg_notify('messages_out', '');
    END IF;
    RETURN NULL;
END $$;

CREATE TABLE public.outbox_scopes (
    scope text NOT NULL,
    calls integer DEFAULT 1 NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    failed_message text,
    opened_at timestamp with time zone,
    probe_at timestamp with time zone,
    probes integer DEFAULT 0 NOT NULL,
    is_by_callback boolean DEFAULT false NOT NULL,
    error_code integer,
    reason text,
    last_success_at timestamp with time zone,
    next_start_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000');

COMMENT ON TABLE public.outbox_scopes IS 'What fails and is limited together: the provider, the credentials, each sending number.';

COMMENT ON COLUMN public.outbox_scopes.scope IS 'provider, credentials:<fingerprint>, sender:<number>.';

COMMENT ON COLUMN public.outbox_scopes.calls IS 'So many calls may be in flight; it starts at 1 and doubles with each success. 1024: no limit.';

COMMENT ON COLUMN public.outbox_scopes.failures IS 'The run: failures of the provider since the last success.';

COMMENT ON COLUMN public.outbox_scopes.failed_message IS 'The message that failed last in the run.';

COMMENT ON COLUMN public.outbox_scopes.opened_at IS 'The breaker is open since then: nothing is sent but probes. NULL: it is closed.';

COMMENT ON COLUMN public.outbox_scopes.probe_at IS 'When the next probe may be sent.';

COMMENT ON COLUMN public.outbox_scopes.probes IS 'Probes that failed since it opened.';

COMMENT ON COLUMN public.outbox_scopes.is_by_callback IS 'What opened it came by callback, after Twilio had taken the message: that the next one is taken proves nothing yet.';

COMMENT ON COLUMN public.outbox_scopes.next_start_at IS 'When the next call of this number may start (OUTBOX_RATE_PER_SENDER).';

CREATE VIEW ops.breakers AS
 SELECT public.pgcourier_masked_scope(s.scope) AS scope,
        CASE
            WHEN (s.opened_at IS NULL) THEN 'closed'::text
            ELSE 'open'::text
        END AS state,
    s.reason,
    s.error_code,
    s.opened_at,
    s.probe_at AS next_probe_at,
    s.probes AS failed_probes,
    s.failures,
        CASE
            WHEN (s.calls < 1024) THEN s.calls
            ELSE NULL::integer
        END AS calls_at_once,
    s.last_success_at
   FROM public.outbox_scopes s;

COMMENT ON VIEW ops.breakers IS 'What sending depends on: the provider, the credentials, each sending number. Open: nothing is sent but probes.';

COMMENT ON COLUMN ops.breakers.calls_at_once IS 'NULL: no limit. Else it has just begun, or goes on after a failure: doubled with each success.';

CREATE VIEW ops.dead_letter_reasons AS
 SELECT d.job_type,
    d.error_message AS reason,
    count(*) AS dead_letters,
    min(d.created_at) AS first_at,
    max(d.created_at) AS last_at,
    (array_agg(d.id ORDER BY d.created_at DESC))[1] AS example
   FROM public.dead_letter_jobs d
  WHERE (d.resolved_at IS NULL)
  GROUP BY d.job_type, d.error_message;

COMMENT ON VIEW ops.dead_letter_reasons IS 'The dead letters, grouped by why.';

CREATE VIEW ops.dead_letters AS
 SELECT d.id,
    d.tenant_id,
    d.job_type,
    COALESCE((d.payload ->> 'message_out_id'::text), (d.payload ->> 'webhook_event_id'::text)) AS entity_id,
    d.error_message AS reason,
    d.attempts,
    d.created_at,
    m.error_code AS code,
    (m.status = 'sent'::text) AS was_sent
   FROM (public.dead_letter_jobs d
     LEFT JOIN public.messages_out m ON (((d.job_type = 'message_out'::text) AND (m.id = (d.payload ->> 'message_out_id'::text)))))
  WHERE (d.resolved_at IS NULL);

COMMENT ON VIEW ops.dead_letters IS 'What was given up on and waits for a person: SELECT ops.retry_dead_letter(id) or ops.discard_dead_letter(id).';

COMMENT ON COLUMN ops.dead_letters.was_sent IS 'Twilio took the message and could not deliver it: a retry writes it again, as a new row.';

CREATE TABLE public.outbox_leases (
    tenant_id text NOT NULL,
    recipient text NOT NULL,
    seq bigint NOT NULL,
    message_id text NOT NULL,
    token text NOT NULL,
    attempt integer NOT NULL,
    instance_id text NOT NULL,
    claimed_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    unknown_since timestamp with time zone,
    sender text DEFAULT ''::text NOT NULL,
    look_at timestamp with time zone,
    looks smallint DEFAULT 0 NOT NULL,
    look_failures smallint DEFAULT 0 NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='10000');

COMMENT ON TABLE public.outbox_leases IS 'The messages in flight, and those whose outcome is unknown: their conversations send nothing else.';

COMMENT ON COLUMN public.outbox_leases.expires_at IS 'A lease that ends unsettled makes its message unknown, never pending: it may have been sent.';

COMMENT ON COLUMN public.outbox_leases.unknown_since IS 'NULL: in flight. Else the message waits to be settled by a callback, by Twilio''s list or by a person.';

COMMENT ON COLUMN public.outbox_leases.sender IS 'The number that it is sent from, as it was when it was claimed; empty: it has none.';

COMMENT ON COLUMN public.outbox_leases.look_at IS 'When a message of unknown outcome is looked up next. NULL: not yet looked up, the first look has its time from claimed_at. infinity: a person decides.';

COMMENT ON COLUMN public.outbox_leases.looks IS 'How many looks Twilio has answered.';

COMMENT ON COLUMN public.outbox_leases.look_failures IS 'How many looks in a row it has not.';

CREATE TABLE public.outbox_queue (
    seq bigint NOT NULL,
    message_id text NOT NULL,
    tenant_id text NOT NULL,
    recipient text NOT NULL,
    due_at timestamp with time zone NOT NULL,
    is_retry boolean DEFAULT false NOT NULL,
    is_behind boolean DEFAULT false NOT NULL,
    deferrals smallint DEFAULT 0 NOT NULL,
    expires_at timestamp with time zone
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='10000');

COMMENT ON TABLE public.outbox_queue IS 'What waits to be sent; filled by a trigger on messages_out, rows leave it when they are claimed.';

COMMENT ON COLUMN public.outbox_queue.due_at IS 'When a claim looks at it. One found behind another of its conversation is looked at again when that one is settled, at the latest then.';

COMMENT ON COLUMN public.outbox_queue.is_retry IS 'It was tried before: what stands behind it waits until it is due. A message scheduled for later holds up nobody.';

COMMENT ON COLUMN public.outbox_queue.is_behind IS 'A claim found it due, but behind another message of its conversation.';

COMMENT ON COLUMN public.outbox_queue.deferrals IS 'As in messages_out: a breaker''s next probe is a message that was put back least often.';

COMMENT ON COLUMN public.outbox_queue.expires_at IS 'As in messages_out: what still waits then is not sent.';

CREATE TABLE public.webhook_events (
    id bigint NOT NULL,
    key text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    source text DEFAULT 'webhook'::text NOT NULL,
    format text NOT NULL,
    raw bytea NOT NULL,
    query text DEFAULT ''::text NOT NULL,
    payload jsonb NOT NULL,
    "from" text DEFAULT ''::text NOT NULL,
    "to" text DEFAULT ''::text NOT NULL,
    correlation_id text NOT NULL,
    received_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.webhook_events IS 'The raw inbox, append-only: one row for each event that Twilio told us, whatever the number of deliveries.';

COMMENT ON COLUMN public.webhook_events.key IS 'Idempotency key: msg:<MessageSid>, status:<MessageSid>:<MessageStatus>, else raw:<token or sha256>.';

COMMENT ON COLUMN public.webhook_events.kind IS 'inbound, status or unrecognized.';

COMMENT ON COLUMN public.webhook_events.source IS 'webhook, or backfill when it was fetched from Twilio''s message list afterwards.';

COMMENT ON COLUMN public.webhook_events.format IS 'form or json: how raw is to be read.';

COMMENT ON COLUMN public.webhook_events.raw IS 'The body exactly as received.';

COMMENT ON COLUMN public.webhook_events.query IS 'The query string exactly as received; status callbacks carry their message there.';

COMMENT ON COLUMN public.webhook_events.payload IS 'The body as JSON, for people; U+0000 and lone surrogates are U+FFFD.';

COMMENT ON COLUMN public.webhook_events."from" IS 'The sender without whatsapp:, as the router compares it; empty when the event has none.';

COMMENT ON COLUMN public.webhook_events."to" IS 'The receiver without whatsapp:.';

CREATE TABLE public.webhook_queue (
    id bigint NOT NULL,
    attempts smallint DEFAULT 0 NOT NULL,
    due_at timestamp with time zone
)
WITH (fillfactor='90');

COMMENT ON TABLE public.webhook_queue IS 'What is to be routed. Rows are claimed with SKIP LOCKED and deleted when routed.';

COMMENT ON COLUMN public.webhook_queue.id IS 'The event: webhook_events.id.';

COMMENT ON COLUMN public.webhook_queue.attempts IS 'How often it was tried alone, after it had failed in a batch.';

COMMENT ON COLUMN public.webhook_queue.due_at IS 'NULL: never failed, due at once, claimed in the order of ids. Else tried alone, from then on.';

CREATE VIEW ops.queue_depth AS
 SELECT 'webhook-processing'::text AS queue,
    w.waiting,
    l.in_flight,
    w.delayed,
    w.oldest_seconds
   FROM ( SELECT
                CASE
                    WHEN (count(*) > 10000) THEN GREATEST((10001)::bigint, ( SELECT (pg_class.reltuples)::bigint AS reltuples
                       FROM pg_class
                      WHERE (pg_class.oid = ('public.webhook_queue'::regclass)::oid)))
                    ELSE count(*)
                END AS waiting,
            count(*) FILTER (WHERE (q.due_at > now())) AS delayed,
            (EXTRACT(epoch FROM (now() - min(e.received_at))))::numeric(12,1) AS oldest_seconds
           FROM (( SELECT webhook_queue.id,
                    webhook_queue.due_at
                   FROM public.webhook_queue
                  ORDER BY webhook_queue.id
                 LIMIT 10001) q
             LEFT JOIN public.webhook_events e ON ((e.id = q.id)))) w,
    ( SELECT (0)::bigint AS in_flight) l
UNION ALL
 SELECT 'messages_out'::text AS queue,
    w.waiting,
    l.in_flight,
    w.delayed,
    w.oldest_seconds
   FROM ( SELECT
                CASE
                    WHEN (count(*) > 10000) THEN GREATEST((10001)::bigint, ( SELECT (pg_class.reltuples)::bigint AS reltuples
                       FROM pg_class
                      WHERE (pg_class.oid = ('public.outbox_queue'::regclass)::oid)))
                    ELSE count(*)
                END AS waiting,
            count(*) FILTER (WHERE (q.due_at > now())) AS delayed,
            (EXTRACT(epoch FROM (now() - min(q.due_at) FILTER (WHERE (q.due_at <= now())))))::numeric(12,1) AS oldest_seconds
           FROM ( SELECT outbox_queue.due_at
                   FROM public.outbox_queue
                  ORDER BY outbox_queue.due_at
                 LIMIT 10001) q) w,
    ( SELECT count(*) AS in_flight
           FROM public.outbox_leases
          WHERE (outbox_leases.unknown_since IS NULL)) l;

COMMENT ON VIEW ops.queue_depth IS 'How deep the two queues are.';

COMMENT ON COLUMN ops.queue_depth.queue IS 'webhook-processing: events to be routed; messages_out: messages to be sent.';

COMMENT ON COLUMN ops.queue_depth.waiting IS 'Rows in the queue, those that wait for a later time among them.';

COMMENT ON COLUMN ops.queue_depth.in_flight IS 'Messages under a lease right now (events are routed within one transaction).';

COMMENT ON COLUMN ops.queue_depth.delayed IS 'Those that are due later, after a failure.';

COMMENT ON COLUMN ops.queue_depth.oldest_seconds IS 'How long the oldest one has been waiting.';

CREATE TABLE public.event_log (
    id text DEFAULT (gen_random_uuid())::text NOT NULL,
    tenant_id text,
    event_type text NOT NULL,
    entity_type text NOT NULL,
    entity_id text,
    correlation_id text NOT NULL,
    actor_type text NOT NULL,
    payload jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp(3) without time zone DEFAULT (clock_timestamp() AT TIME ZONE 'UTC'::text) NOT NULL
);

COMMENT ON TABLE public.event_log IS 'What happened, one row a happening, written in the transaction whose effect it records. Holds no personal data.';

CREATE TABLE public.instances (
    id text NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    version text NOT NULL,
    roles text NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    heartbeat_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE public.instances IS 'The running processes of pgcourier; a row that stays without heartbeat tells of a crash.';

CREATE VIEW ops.health AS
 WITH depth AS (
         SELECT queue_depth.queue,
            queue_depth.waiting,
            queue_depth.oldest_seconds
           FROM ops.queue_depth
        ), recent AS (
         SELECT count(*) FILTER (WHERE (e.event_type = 'message_sent'::text)) AS sent,
            count(*) FILTER (WHERE (e.event_type = ANY (ARRAY['message_failed'::text, 'message_dead_lettered'::text]))) AS failed
           FROM public.event_log e
          WHERE (e.created_at >= ((now() AT TIME ZONE 'UTC'::text) - '00:15:00'::interval))
        ), routed AS (
         SELECT percentile_cont((0.95)::double precision) WITHIN GROUP (ORDER BY (((EXTRACT(epoch FROM ((l.created_at AT TIME ZONE 'UTC'::text) - w.received_at)) * (1000)::numeric))::double precision)) AS p95_ms
           FROM (( SELECT webhook_events.correlation_id,
                    webhook_events.received_at
                   FROM public.webhook_events
                  ORDER BY webhook_events.id DESC
                 LIMIT 500) w
             JOIN public.event_log l ON (((l.correlation_id = w.correlation_id) AND (l.event_type = 'webhook_received'::text))))
          WHERE (w.received_at >= (now() - '00:15:00'::interval))
        ), figures("position", figure, value, warning, alert, advice) AS (
         SELECT 1 AS "?column?",
            'events waiting'::text AS "?column?",
            (( SELECT depth.waiting
                   FROM depth
                  WHERE (depth.queue = 'webhook-processing'::text)))::numeric AS waiting,
            10 AS "?column?",
            100 AS "?column?",
            'Is a router running? SELECT * FROM ops.instances'::text AS "?column?"
        UNION ALL
         SELECT 2,
            'messages waiting'::text,
            (( SELECT depth.waiting
                   FROM depth
                  WHERE (depth.queue = 'messages_out'::text)))::numeric AS waiting,
            10,
            100,
            'Is a sender running? SELECT * FROM ops.outbox ORDER BY seq LIMIT 20'::text
        UNION ALL
         SELECT 3,
            'oldest due message, s'::text,
            COALESCE(( SELECT depth.oldest_seconds
                   FROM depth
                  WHERE (depth.queue = 'messages_out'::text)), (0)::numeric) AS "coalesce",
            10,
            60,
            'SELECT * FROM ops.outbox ORDER BY seq LIMIT 20'::text
        UNION ALL
         SELECT 4,
            'processing time p95, ms'::text,
            (COALESCE(( SELECT routed.p95_ms
                   FROM routed), (0)::double precision))::numeric(12,1) AS "coalesce",
            500,
            2000,
            'SELECT * FROM ops.queue_depth'::text
        UNION ALL
         SELECT 5,
            'failures, % of attempts'::text,
            (COALESCE(( SELECT ((100.0 * (recent.failed)::numeric) / (NULLIF((recent.sent + recent.failed), 0))::numeric)
                   FROM recent), (0)::numeric))::numeric(12,1) AS "coalesce",
            5,
            10,
            'SELECT * FROM ops.dead_letter_reasons'::text
        UNION ALL
         SELECT 6,
            'unresolved dead letters'::text,
            ( SELECT count(*) AS count
                   FROM ( SELECT
                           FROM public.dead_letter_jobs
                          WHERE (dead_letter_jobs.resolved_at IS NULL)
                         LIMIT 10000) d) AS count,
            1,
            100,
            'SELECT * FROM ops.dead_letter_reasons'::text
        UNION ALL
         SELECT 7,
            'unknown outcomes'::text,
            (( SELECT count(*) AS count
                   FROM ( SELECT
                           FROM public.outbox_leases
                          WHERE (outbox_leases.unknown_since IS NOT NULL)
                         LIMIT 10000) u) + ( SELECT count(*) AS count
                   FROM ( SELECT
                           FROM public.messages_out
                          WHERE ((messages_out.held_reason IS NOT NULL) AND (messages_out.status = 'unknown'::text))
                         LIMIT 10000) h)),
            1,
            20,
            'SELECT * FROM ops.stuck'::text
        UNION ALL
         SELECT 8,
            'silent instances'::text,
            ( SELECT count(*) AS count
                   FROM public.instances
                  WHERE (instances.heartbeat_at < (now() - '00:00:30'::interval))) AS count,
            1,
            1,
            'SELECT * FROM ops.instances'::text
        )
 SELECT figures.figure,
    figures.value,
        CASE
            WHEN (figures.value >= (figures.alert)::numeric) THEN 'alert'::text
            WHEN (figures.value >= (figures.warning)::numeric) THEN 'warning'::text
            ELSE 'ok'::text
        END AS state,
    figures.warning AS warning_from,
    figures.alert AS alert_from,
    figures.advice
   FROM figures
  ORDER BY figures."position";

COMMENT ON VIEW ops.health IS 'Each figure with its state; state is ok everywhere when all is well.';

CREATE VIEW ops.instances AS
 SELECT i.id,
    i.host,
    i.pid,
    i.version,
    i.roles,
    i.started_at,
    (EXTRACT(epoch FROM (now() - i.heartbeat_at)))::numeric(12,1) AS silent_seconds,
    ( SELECT count(*) AS count
           FROM public.outbox_leases l
          WHERE ((l.instance_id = i.id) AND (l.unknown_since IS NULL))) AS in_flight
   FROM public.instances i;

COMMENT ON VIEW ops.instances IS 'The running processes, when each was last heard, and how many messages each has in flight.';

CREATE VIEW ops.outbox AS
 SELECT m.seq,
    m.id,
    m.tenant_id,
    ops.masked(m."to") AS recipient,
    m.status,
    m.attempts,
    ((q.due_at AT TIME ZONE 'UTC'::text))::timestamp(3) without time zone AS due_at,
    m.held_reason,
    m.last_error,
    m.error_code,
    l.instance_id AS leased_by,
    l.unknown_since,
    m.correlation_id,
    m.created_at,
    m.send_at,
    m.expires_at
   FROM (((( SELECT w.message_id
           FROM public.outbox_queue w
        UNION
         SELECT f.message_id
           FROM public.outbox_leases f
        UNION
         SELECT h.id
           FROM public.messages_out h
          WHERE (h.held_reason IS NOT NULL)
        UNION
         SELECT (d.payload ->> 'message_out_id'::text)
           FROM public.dead_letter_jobs d
          WHERE ((d.resolved_at IS NULL) AND (d.job_type = 'message_out'::text))) open
     JOIN public.messages_out m ON ((m.id = open.message_id)))
     LEFT JOIN public.outbox_queue q ON ((q.seq = m.seq)))
     LEFT JOIN public.outbox_leases l ON ((l.message_id = m.id)));

COMMENT ON VIEW ops.outbox IS 'Every outgoing message that is not finished, and those whose dead letter nobody resolved.';

CREATE TABLE public.outbox_pauses (
    kind text NOT NULL,
    id text DEFAULT ''::text NOT NULL,
    reason text,
    paused_by text DEFAULT SESSION_USER NOT NULL,
    paused_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT outbox_pauses_kind_check CHECK ((kind = ANY (ARRAY['all'::text, 'tenant'::text, 'sender'::text])))
);

COMMENT ON TABLE public.outbox_pauses IS 'What people have paused: everything, a tenant, or a sending number.';

COMMENT ON COLUMN public.outbox_pauses.id IS 'tenants.id, or the number without whatsapp:; empty for all.';

CREATE VIEW ops.pauses AS
 SELECT p.kind AS scope,
        CASE
            WHEN (p.kind = 'sender'::text) THEN ops.masked(p.id)
            ELSE p.id
        END AS id,
    p.reason,
    p.paused_by,
    p.paused_at
   FROM public.outbox_pauses p;

COMMENT ON VIEW ops.pauses IS 'What people have paused.';

CREATE VIEW ops.stuck AS
 SELECT 'message'::text AS entity,
    m.id,
    m.tenant_id,
    (('its lease ended '::text || justify_interval(date_trunc('second'::text, (now() - l.expires_at)))) || ' ago and nobody swept it'::text) AS why,
    m.correlation_id
   FROM (public.outbox_leases l
     JOIN public.messages_out m ON ((m.id = l.message_id)))
  WHERE ((l.unknown_since IS NULL) AND (l.expires_at < (now() - '00:00:30'::interval)))
UNION ALL
 SELECT 'message'::text AS entity,
    m.id,
    m.tenant_id,
    'its outcome is unknown: nobody can say yet whether it was sent'::text AS why,
    m.correlation_id
   FROM (public.outbox_leases l
     JOIN public.messages_out m ON ((m.id = l.message_id)))
  WHERE (l.unknown_since IS NOT NULL)
UNION ALL
 SELECT 'message'::text AS entity,
    m.id,
    m.tenant_id,
    ('held: '::text || m.held_reason) AS why,
    m.correlation_id
   FROM public.messages_out m
  WHERE (m.held_reason IS NOT NULL)
UNION ALL
 SELECT 'event'::text AS entity,
    (e.id)::text AS id,
    NULL::text AS tenant_id,
    ('not routed since '::text || date_trunc('second'::text, e.received_at)) AS why,
    e.correlation_id
   FROM (( SELECT webhook_queue.id
           FROM public.webhook_queue
          WHERE (webhook_queue.due_at IS NULL)
          ORDER BY webhook_queue.id
         LIMIT 100) q
     JOIN public.webhook_events e ON ((e.id = q.id)))
  WHERE (e.received_at < (now() - '00:01:00'::interval));

COMMENT ON VIEW ops.stuck IS 'What does not move by itself; empty when all is well.';

CREATE TABLE public.opt_outs (
    id text DEFAULT (gen_random_uuid())::text NOT NULL,
    tenant_id text NOT NULL,
    phone_number text NOT NULL,
    opted_out_at timestamp(3) without time zone DEFAULT (clock_timestamp() AT TIME ZONE 'UTC'::text) NOT NULL,
    created_at timestamp(3) without time zone DEFAULT (clock_timestamp() AT TIME ZONE 'UTC'::text) NOT NULL,
    updated_at timestamp(3) without time zone DEFAULT (clock_timestamp() AT TIME ZONE 'UTC'::text) NOT NULL
);

CREATE TABLE public.seller_phones (
    id text DEFAULT (gen_random_uuid())::text NOT NULL,
    tenant_id text NOT NULL,
    phone_number text NOT NULL,
    created_at timestamp(3) without time zone DEFAULT (now() AT TIME ZONE 'UTC'::text) NOT NULL
);

CREATE TABLE public.tenants (
    id text DEFAULT (gen_random_uuid())::text NOT NULL,
    name text NOT NULL,
    created_at timestamp(3) without time zone DEFAULT (now() AT TIME ZONE 'UTC'::text) NOT NULL,
    updated_at timestamp(3) without time zone DEFAULT (now() AT TIME ZONE 'UTC'::text) NOT NULL,
    whatsapp_phone_number text
);

CREATE VIEW ops.tenants AS
 SELECT t.id,
    t.name,
    t.whatsapp_phone_number AS number,
    ( SELECT count(*) AS count
           FROM public.seller_phones s
          WHERE (s.tenant_id = t.id)) AS sellers,
    ( SELECT count(*) AS count
           FROM public.opt_outs o
          WHERE (o.tenant_id = t.id)) AS opted_out,
    ( SELECT count(*) AS count
           FROM ( SELECT
                   FROM public.outbox_queue q
                  WHERE (q.tenant_id = t.id)
                 LIMIT 10000) w) AS waiting
   FROM public.tenants t;

COMMENT ON VIEW ops.tenants IS 'The shops: their number, how many sellers, people who opted out, messages that wait (to 10,000).';

CREATE VIEW ops.throughput AS
 SELECT date_trunc('minute'::text, e.created_at) AS minute,
    count(*) FILTER (WHERE (e.event_type = 'webhook_received'::text)) AS received,
    count(*) FILTER (WHERE (e.event_type = 'message_sent'::text)) AS sent,
    count(*) FILTER (WHERE (e.event_type = 'message_failed'::text)) AS failed,
    count(*) FILTER (WHERE (e.event_type = 'message_dead_lettered'::text)) AS dead
   FROM public.event_log e
  WHERE (e.created_at >= ((now() AT TIME ZONE 'UTC'::text) - '01:00:00'::interval))
  GROUP BY (date_trunc('minute'::text, e.created_at));

COMMENT ON VIEW ops.throughput IS 'Minute by minute for the last hour (UTC).';

CREATE TABLE public.messages_in (
    id text DEFAULT (gen_random_uuid())::text NOT NULL,
    tenant_id text,
    provider_message_id text NOT NULL,
    "from" text NOT NULL,
    body text NOT NULL,
    media_url text,
    correlation_id text NOT NULL,
    created_at timestamp(3) without time zone DEFAULT (clock_timestamp() AT TIME ZONE 'UTC'::text) NOT NULL,
    "to" text,
    message_type text,
    media jsonb,
    profile_name text,
    details jsonb,
    event_id bigint,
    handled_at timestamp with time zone,
    duplicate_of text,
    seq bigint NOT NULL
);

COMMENT ON COLUMN public.messages_in."from" IS 'Who wrote: E.164 or a WhatsApp user id, without whatsapp:.';

COMMENT ON COLUMN public.messages_in."to" IS 'The number that was written to, without whatsapp:. NULL: stored by the predecessor.';

COMMENT ON COLUMN public.messages_in.message_type IS 'seller or client; NULL while no tenant has the receiving number.';

COMMENT ON COLUMN public.messages_in.media IS 'All media: [{"url": …, "content_type": …}, …]; media_url is the first.';

COMMENT ON COLUMN public.messages_in.details IS 'What else Twilio told: button, list, location, quoted, referral, …';

COMMENT ON COLUMN public.messages_in.event_id IS 'The event it was made of: webhook_events.id, as long as that is kept.';

COMMENT ON COLUMN public.messages_in.handled_at IS 'Set by the shop when it has taken the message over.';

COMMENT ON COLUMN public.messages_in.duplicate_of IS 'Rows of the predecessor only: the same message stored a second time.';

COMMENT ON COLUMN public.messages_in.seq IS 'The order in which messages are handed over.';

CREATE VIEW ops.unrouted AS
 SELECT m."to" AS number,
    count(*) AS messages,
    min(m.created_at) AS first_at,
    max(m.created_at) AS last_at
   FROM public.messages_in m
  WHERE ((m.tenant_id IS NULL) AND (m."to" IS NOT NULL))
  GROUP BY m."to";

COMMENT ON VIEW ops.unrouted IS 'Messages to numbers that no tenant has; they are attributed as soon as a tenant gets the number.';

CREATE TABLE public.alert_watch (
    is_only boolean DEFAULT true NOT NULL,
    looked_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT alert_watch_is_only_check CHECK (is_only)
);

COMMENT ON TABLE public.alert_watch IS 'One row: when ops.health was last looked at for alerts, by whichever instance.';

CREATE TABLE public.alerts_open (
    figure text NOT NULL,
    since timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    correlation_id text NOT NULL
);

COMMENT ON TABLE public.alerts_open IS 'The figures of ops.health that are an alert now; a row goes when its figure is one no longer.';

COMMENT ON COLUMN public.alerts_open.correlation_id IS 'Of the events alert_raised and alert_ended in event_log.';

CREATE TABLE public.delivery_events (
    id bigint NOT NULL,
    provider_message_id text NOT NULL,
    message_id text,
    attempt integer,
    status text NOT NULL,
    error_code integer,
    error_message text,
    event_id bigint NOT NULL,
    correlation_id text NOT NULL,
    received_at timestamp with time zone NOT NULL,
    settled_at timestamp with time zone,
    look_again_at timestamp with time zone
);

COMMENT ON TABLE public.delivery_events IS 'What Twilio''s status callbacks said of sent messages, in the order in which they were routed.';

COMMENT ON COLUMN public.delivery_events.message_id IS 'messages_out.id as the callback''s own URL carries it (m=); NULL when it carries none.';

COMMENT ON COLUMN public.delivery_events.attempt IS 'The attempt that the callback''s own URL names (a=).';

COMMENT ON COLUMN public.delivery_events.settled_at IS 'When the outbox took it into account; NULL: not yet.';

COMMENT ON COLUMN public.delivery_events.look_again_at IS 'It fitted no message: the answer to the create call may still come.';

ALTER TABLE public.delivery_events ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.delivery_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE public.messages_in ALTER COLUMN seq ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.messages_in_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE public.messages_out ALTER COLUMN seq ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.messages_out_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.opt_out_history (
    id bigint NOT NULL,
    tenant_id text NOT NULL,
    phone_number text NOT NULL,
    word text NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    source text NOT NULL,
    event_id bigint,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT opt_out_history_word_check CHECK ((word = ANY (ARRAY['stop'::text, 'start'::text])))
);

COMMENT ON TABLE public.opt_out_history IS 'Every STOP and START, with the time at which it was said; the newest one decides.';

ALTER TABLE public.opt_out_history ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.opt_out_history_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.outbox_dedupe_keys (
    tenant_id text NOT NULL,
    dedupe_key text NOT NULL,
    message_id text NOT NULL,
    taken_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.outbox_dedupe_keys IS 'The dedupe keys of the last 24 hours, and which message has each.';

CREATE TABLE public.pgcourier_migrations (
    name text NOT NULL,
    checksum text NOT NULL,
    origin text NOT NULL,
    requires_program integer DEFAULT 0 NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pgcourier_migrations_origin_check CHECK ((origin = ANY (ARRAY['pgcourier'::text, 'prisma'::text])))
);

ALTER TABLE public.webhook_events ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.webhook_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY public.alert_watch
    ADD CONSTRAINT alert_watch_pkey PRIMARY KEY (is_only);

ALTER TABLE ONLY public.alerts_open
    ADD CONSTRAINT alerts_open_pkey PRIMARY KEY (figure);

ALTER TABLE ONLY public.dead_letter_jobs
    ADD CONSTRAINT dead_letter_jobs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.delivery_events
    ADD CONSTRAINT delivery_events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.event_log
    ADD CONSTRAINT event_log_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.instances
    ADD CONSTRAINT instances_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.messages_in
    ADD CONSTRAINT messages_in_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.messages_out
    ADD CONSTRAINT messages_out_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.opt_out_history
    ADD CONSTRAINT opt_out_history_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.opt_outs
    ADD CONSTRAINT opt_outs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.outbox_dedupe_keys
    ADD CONSTRAINT outbox_dedupe_keys_pkey PRIMARY KEY (tenant_id, dedupe_key);

ALTER TABLE ONLY public.outbox_leases
    ADD CONSTRAINT outbox_leases_pkey PRIMARY KEY (tenant_id, recipient);

ALTER TABLE ONLY public.outbox_pauses
    ADD CONSTRAINT outbox_pauses_pkey PRIMARY KEY (kind, id);

ALTER TABLE ONLY public.outbox_queue
    ADD CONSTRAINT outbox_queue_pkey PRIMARY KEY (seq);

ALTER TABLE ONLY public.outbox_scopes
    ADD CONSTRAINT outbox_scopes_pkey PRIMARY KEY (scope);

ALTER TABLE ONLY public.pgcourier_migrations
    ADD CONSTRAINT pgcourier_migrations_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.seller_phones
    ADD CONSTRAINT seller_phones_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.tenants
    ADD CONSTRAINT tenants_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.webhook_events
    ADD CONSTRAINT webhook_events_key_key UNIQUE (key);

ALTER TABLE ONLY public.webhook_events
    ADD CONSTRAINT webhook_events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.webhook_queue
    ADD CONSTRAINT webhook_queue_pkey PRIMARY KEY (id);

CREATE INDEX dead_letter_jobs_event_idx ON public.dead_letter_jobs USING btree (((payload ->> 'webhook_event_id'::text))) WHERE (job_type = 'webhook_event'::text);

CREATE INDEX dead_letter_jobs_message_idx ON public.dead_letter_jobs USING btree (((payload ->> 'message_out_id'::text))) WHERE ((resolved_at IS NULL) AND (job_type = 'message_out'::text));

CREATE INDEX dead_letter_jobs_tenant_id_idx ON public.dead_letter_jobs USING btree (tenant_id);

CREATE INDEX dead_letter_jobs_tenant_id_job_type_resolved_at_idx ON public.dead_letter_jobs USING btree (tenant_id, job_type, resolved_at);

CREATE INDEX dead_letter_jobs_unresolved_idx ON public.dead_letter_jobs USING btree (created_at) WHERE (resolved_at IS NULL);

CREATE INDEX delivery_events_look_again_idx ON public.delivery_events USING btree (look_again_at) WHERE (settled_at IS NULL);

CREATE INDEX delivery_events_provider_message_id_idx ON public.delivery_events USING btree (provider_message_id);

CREATE INDEX delivery_events_unsettled_idx ON public.delivery_events USING btree (id) WHERE ((settled_at IS NULL) AND (look_again_at IS NULL));

CREATE INDEX event_log_correlation_id_idx ON public.event_log USING btree (correlation_id);

CREATE INDEX event_log_created_at_idx ON public.event_log USING brin (created_at);

CREATE UNIQUE INDEX messages_in_provider_message_id_key ON public.messages_in USING btree (provider_message_id) WHERE (duplicate_of IS NULL);

CREATE INDEX messages_in_tenant_id_idx ON public.messages_in USING btree (tenant_id);

CREATE INDEX messages_in_unattributed_idx ON public.messages_in USING btree ("to") WHERE (tenant_id IS NULL);

CREATE INDEX messages_in_unhandled_idx ON public.messages_in USING btree (seq) WHERE (handled_at IS NULL);

CREATE INDEX messages_out_correlation_id_idx ON public.messages_out USING btree (correlation_id);

CREATE INDEX messages_out_held_idx ON public.messages_out USING btree (seq) WHERE (held_reason IS NOT NULL);

CREATE INDEX messages_out_provider_message_id_idx ON public.messages_out USING btree (provider_message_id) WHERE (provider_message_id IS NOT NULL);

CREATE UNIQUE INDEX messages_out_seq_key ON public.messages_out USING btree (seq);

CREATE INDEX opt_out_history_event_id_idx ON public.opt_out_history USING btree (event_id) WHERE (event_id IS NOT NULL);

CREATE INDEX opt_out_history_person_idx ON public.opt_out_history USING btree (tenant_id, phone_number, occurred_at);

CREATE UNIQUE INDEX opt_outs_tenant_id_phone_number_key ON public.opt_outs USING btree (tenant_id, phone_number);

CREATE INDEX outbox_dedupe_keys_taken_at_idx ON public.outbox_dedupe_keys USING btree (taken_at);

CREATE INDEX outbox_leases_expires_at_idx ON public.outbox_leases USING btree (expires_at) WHERE (unknown_since IS NULL);

CREATE INDEX outbox_leases_look_at_idx ON public.outbox_leases USING btree (COALESCE(look_at, claimed_at)) WHERE (unknown_since IS NOT NULL);

CREATE INDEX outbox_queue_conversation_idx ON public.outbox_queue USING btree (tenant_id, recipient, seq);

CREATE INDEX outbox_queue_due_at_idx ON public.outbox_queue USING btree (due_at, seq);

CREATE INDEX outbox_queue_expires_at_idx ON public.outbox_queue USING btree (expires_at) WHERE (expires_at IS NOT NULL);

CREATE INDEX outbox_queue_tenant_idx ON public.outbox_queue USING btree (tenant_id, due_at, seq);

CREATE UNIQUE INDEX seller_phones_tenant_id_phone_number_key ON public.seller_phones USING btree (tenant_id, phone_number);

CREATE UNIQUE INDEX tenants_whatsapp_phone_number_key ON public.tenants USING btree (whatsapp_phone_number);

CREATE INDEX webhook_events_received_at_idx ON public.webhook_events USING brin (received_at);

CREATE INDEX webhook_queue_due_at_idx ON public.webhook_queue USING btree (due_at) WHERE (due_at IS NOT NULL);

CREATE TRIGGER pgcourier_check BEFORE INSERT ON public.messages_out FOR EACH ROW EXECUTE FUNCTION public.pgcourier_check_message_out();

CREATE TRIGGER pgcourier_guard BEFORE UPDATE OF status ON public.messages_out FOR EACH ROW WHEN ((old.status IS DISTINCT FROM new.status)) EXECUTE FUNCTION public.pgcourier_guard_status();

CREATE TRIGGER pgcourier_keep_expiry BEFORE INSERT ON public.outbox_queue FOR EACH ROW WHEN ((new.is_retry AND (new.expires_at IS NULL))) EXECUTE FUNCTION public.pgcourier_keep_expiry();

CREATE TRIGGER pgcourier_normalise BEFORE INSERT ON public.opt_outs FOR EACH ROW EXECUTE FUNCTION public.pgcourier_normalise_opt_out();

CREATE TRIGGER pgcourier_normalise BEFORE INSERT OR UPDATE OF phone_number ON public.seller_phones FOR EACH ROW EXECUTE FUNCTION public.pgcourier_normalise_seller_phone();

CREATE TRIGGER pgcourier_normalise BEFORE INSERT OR UPDATE OF whatsapp_phone_number ON public.tenants FOR EACH ROW EXECUTE FUNCTION public.pgcourier_normalise_tenant();

CREATE TRIGGER pgcourier_queue AFTER INSERT ON public.messages_out FOR EACH ROW EXECUTE FUNCTION public.pgcourier_queue_messages_out();

CREATE TRIGGER pgcourier_route_again_on_insert AFTER INSERT ON public.tenants FOR EACH ROW EXECUTE FUNCTION public.pgcourier_route_again();

CREATE TRIGGER pgcourier_route_again_on_update AFTER UPDATE OF whatsapp_phone_number ON public.tenants FOR EACH ROW WHEN ((old.whatsapp_phone_number IS DISTINCT FROM new.whatsapp_phone_number)) EXECUTE FUNCTION public.pgcourier_route_again();

CREATE TRIGGER pgcourier_unhold BEFORE UPDATE OF status ON public.messages_out FOR EACH ROW WHEN (((old.status = 'unknown'::text) AND (new.status <> 'unknown'::text) AND (new.held_reason IS NOT NULL))) EXECUTE FUNCTION public.pgcourier_unhold();

CREATE TRIGGER pgcourier_unqueue AFTER DELETE ON public.messages_out REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION public.pgcourier_unqueue_messages_out();

CREATE CONSTRAINT TRIGGER pgcourier_wake AFTER INSERT ON public.outbox_queue DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.pgcourier_wake_sender();

ALTER TABLE ONLY public.messages_in
    ADD CONSTRAINT messages_in_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id) ON UPDATE CASCADE ON DELETE SET NULL;

ALTER TABLE ONLY public.messages_out
    ADD CONSTRAINT messages_out_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id) ON UPDATE CASCADE ON DELETE CASCADE;

ALTER TABLE ONLY public.opt_outs
    ADD CONSTRAINT opt_outs_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id) ON UPDATE CASCADE ON DELETE CASCADE;

ALTER TABLE ONLY public.seller_phones
    ADD CONSTRAINT seller_phones_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id) ON UPDATE CASCADE ON DELETE CASCADE;

