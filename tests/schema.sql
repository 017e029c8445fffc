-- The schema after all migrations and sql/ops. Made by `make schema`.

CREATE SCHEMA ops;

COMMENT ON SCHEMA ops IS 'pgcourier: views to look at (SELECT * FROM ops.health) and functions to act with (SELECT ops.retry_dead_letter(id)). [holds ops.attempts_words ops.backfills ops.bloat ops.breakers ops.cancel_message ops.conversation ops.correlations ops.cursor ops.dead_letter_named ops.dead_letter_reasons ops.dead_letters ops.discard_dead_letter ops.discard_dead_letters ops.do_again ops.event_of ops.event_state_words ops.event_words ops.explain ops.explanation ops.find ops.find_dead_letters ops.grant_once ops.grant_roles ops.has_hidden ops.health ops.incoming_words ops.instances ops.latency ops.letter_locked ops.letters_told ops.log ops.log_act ops.masked ops.masked_text ops.messages_of ops.moment ops.obstacle_words ops.oldest_snapshot ops.outbox ops.outgoing_words ops.pause_id ops.pause_sending ops.pauses ops.person_meant ops.queue_again ops.queue_depth ops.release_message ops.reroute ops.reroute_event ops.resume_sending ops.retry_dead_letter ops.retry_dead_letters ops.secure_function ops.settle_unknown ops.shell_argument ops.shell_option ops.shell_word ops.span ops.sql_word ops.stuck ops.tenant_named ops.tenants ops.throughput ops.trace ops.unfinished_migrations ops.unrouted ops.utc ops.waiting_words]';

CREATE FUNCTION ops.attempts_words(attempts integer) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT
    RETURN (attempts || CASE attempts WHEN 1 THEN ' attempt'::text ELSE ' attempts'::text END);

COMMENT ON FUNCTION ops.attempts_words(attempts integer) IS 'How many attempts.';

CREATE FUNCTION ops.cancel_message(message_id text, reason text DEFAULT NULL::text, by text DEFAULT NULL::text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
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

CREATE FUNCTION ops.conversation(message_id text, before_at timestamp with time zone DEFAULT NULL::timestamp with time zone, before_id text DEFAULT NULL::text, most integer DEFAULT 50) RETURNS TABLE(id text, direction text, at timestamp with time zone, status text, error_code integer, last_error text, body_characters integer, media integer, correlation_id text, tenant_id text, person text, is_opted_out boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
DECLARE
    tenant text;
    who text;
    opted_out boolean;
    outgoing text[];
    incoming text[];
    is_complete boolean;
BEGIN
    SELECT m.tenant_id, m."to" INTO tenant, who FROM messages_out AS m WHERE m.id = message_id;
    IF NOT FOUND THEN
        SELECT m.tenant_id, m."from" INTO tenant, who FROM messages_in AS m WHERE m.id = message_id;
    END IF;
    IF tenant IS NULL THEN
        RETURN;  -- no such message, or one that is nobody's yet
    END IF;
    SELECT coalesce(array_agg(m.id) FILTER (WHERE m.direction = 'out' AND m.tenant_id = tenant), '{}'),
           coalesce(array_agg(m.id) FILTER (WHERE m.direction = 'in' AND m.tenant_id = tenant), '{}'), count(*) < 1000
    INTO outgoing, incoming, is_complete FROM ops.messages_of(who, NULL, 1000) AS m;
    opted_out := EXISTS (SELECT FROM opt_outs AS o WHERE o.tenant_id = tenant
                                                     AND o.phone_number IN (who, pgcourier_erased_address(tenant, who)));
    RETURN QUERY
    SELECT c.id, c.direction, c.at, c.status, c.error_code, c.last_error, c.body_characters, c.media, c.correlation_id, tenant,
           ops.masked(who), opted_out
    FROM (
        SELECT m.id, 'out' AS direction, m.created_at AT TIME ZONE 'UTC' AS at, coalesce(m.delivery_status, m.status) AS status, m.error_code,
               ops.masked_text(m.last_error) AS last_error, char_length(m.body) AS body_characters,
               (m.media_url IS NOT NULL)::integer AS media, m.correlation_id
        FROM messages_out AS m WHERE m.id = ANY (outgoing || message_id) AND m.tenant_id = tenant AND m."to" = who
        UNION ALL
        SELECT m.id, 'in', m.created_at AT TIME ZONE 'UTC', m.message_type, NULL, NULL, char_length(m.body),
               coalesce(jsonb_array_length(m.media), (m.media_url IS NOT NULL)::integer), m.correlation_id
        FROM messages_in AS m WHERE m.id = ANY (incoming || message_id) AND m.tenant_id = tenant AND m."from" = who) AS c
    WHERE before_at IS NULL OR (c.at, c.id) < (before_at, before_id)
    ORDER BY c.at DESC, c.id DESC
    LIMIT least(greatest(most, 1), 101);
    IF NOT is_complete THEN
        RETURN QUERY SELECT NULL, 'more', NULL::timestamptz, NULL, NULL::integer, NULL, NULL::integer, NULL::integer, NULL, tenant,
                            ops.masked(who), opted_out;
    END IF;
END $$;

COMMENT ON FUNCTION ops.conversation(message_id text, before_at timestamp with time zone, before_id text, most integer) IS 'The messages of one tenant with one person, newest first, numbers masked and without bodies; the person is named by any message with them. Of the newest 1,000 messages of this person; a last row of the direction more says that there are others.';

CREATE FUNCTION ops.correlations(id text) RETURNS SETOF text
    LANGUAGE sql STABLE ROWS 5
    SET search_path TO 'public', 'pg_temp'
    AS $_$
    SELECT $1
    UNION SELECT m.correlation_id FROM messages_in AS m WHERE m.id = $1
    UNION SELECT m.correlation_id FROM messages_in AS m WHERE m.provider_message_id = $1 AND m.duplicate_of IS NULL
    UNION SELECT m.correlation_id FROM messages_out AS m WHERE m.id = $1
    UNION SELECT m.correlation_id FROM messages_out AS m WHERE m.provider_message_id = $1
    UNION SELECT e.correlation_id FROM webhook_events AS e WHERE e.key = 'msg:' || $1
    UNION SELECT e.correlation_id FROM webhook_events AS e
          WHERE e.id = CASE WHEN $1 ~ '^[0-9]{1,18}$' THEN $1::bigint END
    UNION SELECT coalesce(m.correlation_id, e.correlation_id)
          FROM dead_letter_jobs AS d
          LEFT JOIN messages_out AS m ON d.job_type = 'message_out' AND m.id = d.payload ->> 'message_out_id'
          LEFT JOIN webhook_events AS e ON d.job_type = 'webhook_event'
               AND e.id = CASE WHEN d.payload ->> 'webhook_event_id' ~ '^[0-9]{1,18}$' THEN (d.payload ->> 'webhook_event_id')::bigint END
          WHERE d.id = $1 AND coalesce(m.correlation_id, e.correlation_id) IS NOT NULL
$_$;

COMMENT ON FUNCTION ops.correlations(id text) IS 'The correlation ids that an id may mean: its own, and those of the message, event or dead letter that has it.';

CREATE FUNCTION ops.cursor(at text, id text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN translate(encode(convert_to(((COALESCE(at, ''::text) || '
'::text) || COALESCE(id, ''::text)), 'UTF8'::name), 'base64'::text), '+/=
'::text, '-_'::text);

COMMENT ON FUNCTION ops.cursor(at text, id text) IS 'The key of a list''s last row as one opaque text; part of the console.';

CREATE FUNCTION ops.dead_letter_named(id text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $_$
    SELECT coalesce((SELECT d.id FROM dead_letter_jobs AS d WHERE d.id = $1),
                    (SELECT d.id FROM dead_letter_jobs AS d
                     WHERE d.job_type = 'message_out' AND d.payload ->> 'message_out_id' = $1
                     ORDER BY d.resolved_at IS NULL DESC, d.created_at DESC, d.id LIMIT 1));
$_$;

COMMENT ON FUNCTION ops.dead_letter_named(id text) IS 'The dead letter that its id or its message''s means; part of the functions on dead letters.';

CREATE FUNCTION ops.discard_dead_letter(dead_letter_id text, reason text DEFAULT NULL::text, by text DEFAULT NULL::text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    letter dead_letter_jobs;
BEGIN
    UPDATE dead_letter_jobs AS d SET resolved_at = clock_timestamp() AT TIME ZONE 'UTC'
    WHERE d.id = ops.dead_letter_named(dead_letter_id) AND d.resolved_at IS NULL
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

CREATE FUNCTION ops.discard_dead_letters(tenant text DEFAULT NULL::text, code integer DEFAULT NULL::integer, since timestamp with time zone DEFAULT NULL::timestamp with time zone, until timestamp with time zone DEFAULT NULL::timestamp with time zone, everything boolean DEFAULT false, reason text DEFAULT NULL::text, by text DEFAULT NULL::text, dry_run boolean DEFAULT false, job_type text DEFAULT NULL::text, letter_reason text DEFAULT NULL::text, ids text[] DEFAULT NULL::text[], most integer DEFAULT 10000) RETURNS TABLE(dead_letter_id text, entity_id text, is_done boolean, words text)
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT f.id, f.entity_id
               FROM ops.find_dead_letters(tenant, code, since, until, everything, job_type, letter_reason, ids, most) AS f LOOP
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

COMMENT ON FUNCTION ops.discard_dead_letters(tenant text, code integer, since timestamp with time zone, until timestamp with time zone, everything boolean, reason text, by text, dry_run boolean, job_type text, letter_reason text, ids text[], most integer) IS 'Discards the dead letters of a tenant, an error code, a time, a job type or a reason, or those with these ids; with dry_run only shows which. The oldest `most` at once, 10,000 by itself and at most: call it again for the rest.';

CREATE FUNCTION public.pgcourier_new_id() RETURNS text
    LANGUAGE sql PARALLEL RESTRICTED
    AS $$
    SELECT encode(int8send((date_part('epoch', clock_timestamp()) * 1000)::bigint << 16 | 28672 | (random() * 4095)::bigint)
                  || int8send((-9223372036854775808)::bigint | ((random() * 1073741823)::bigint << 32)
                              | (random() * 4294967295)::bigint), 'hex')::uuid::text
$$;

COMMENT ON FUNCTION public.pgcourier_new_id() IS 'A fresh id: a uuid of version 7, in the order of time.';

CREATE TABLE public.dead_letter_jobs (
    id text DEFAULT public.pgcourier_new_id() NOT NULL,
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
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    message messages_out;
    event bigint;
    new_id text;
BEGIN
    is_done := false;
    IF letter.job_type = 'message_out' THEN
        SELECT m.* INTO message FROM messages_out AS m WHERE m.id = letter.payload ->> 'message_out_id' FOR UPDATE;
        -- Another letter of the same message may just have been done.
        IF EXISTS (SELECT FROM dead_letter_jobs AS d WHERE d.id = letter.id AND d.resolved_at IS NOT NULL) THEN
            words := format('dead letter %s was resolved with another one of its message', letter.id);
            RETURN;
        END IF;
        IF message.delivered_at IS NOT NULL OR message.read_at IS NOT NULL THEN
            words := format('the message of dead letter %s was delivered after all', letter.id);
            RETURN;
        END IF;
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
        SELECT e.id INTO event FROM webhook_events AS e WHERE e.id = ops.event_of(letter);
        IF event IS NULL THEN
            words := format('the event of dead letter %s is no longer kept (RETENTION_DAYS)', letter.id);
            RETURN;
        END IF;
        -- Its number may be another shop's by now, whom the message is no business of.
        IF EXISTS (SELECT FROM webhook_events AS e WHERE e.id = event AND e.kind = 'inbound'
                   AND letter.tenant_id <> coalesce((SELECT t.id FROM tenants AS t WHERE t.whatsapp_phone_number = e."to"), '')) THEN
            words := format('the event of dead letter %s was written to tenant %s, which does not have that number any more', letter.id, letter.tenant_id);
            RETURN;
        END IF;
        -- Due, so that it is tried alone and does not fail a whole batch once more.
        INSERT INTO webhook_queue (id, due_at) VALUES (event, coalesce(due, clock_timestamp())) ON CONFLICT (id) DO NOTHING;
        PERFORM pg_notify('pgcourier_events', '');
        words := format('webhook event %s is pending again', event);
    END CASE;
    UPDATE dead_letter_jobs AS d SET resolved_at = clock_timestamp() AT TIME ZONE 'UTC'
    WHERE d.id = letter.id
       OR letter.job_type = 'message_out' AND d.job_type = 'message_out' AND d.payload ->> 'message_out_id' = message.id AND d.resolved_at IS NULL;
    PERFORM ops.log_act('dead_letter_retried', letter.job_type, coalesce(message.id, event::text), letter.tenant_id,
                        message.correlation_id, reason, by,
                        jsonb_build_object('dead_letter_id', letter.id, 'new_message_id', new_id));
    is_done := true;
END $$;

COMMENT ON FUNCTION ops.do_again(letter public.dead_letter_jobs, due timestamp with time zone, reason text, by text, OUT is_done boolean, OUT words text) IS 'Does again what a dead letter is about; part of ops.retry_dead_letter.';

CREATE FUNCTION ops.event_of(letter public.dead_letter_jobs) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN (((letter).payload ->> 'webhook_event_id'::text) ~ '^[0-9]{1,18}$'::text) THEN (((letter).payload ->> 'webhook_event_id'::text))::bigint ELSE NULL::bigint END;

COMMENT ON FUNCTION ops.event_of(letter public.dead_letter_jobs) IS 'The event that a dead letter is about; part of the functions on dead letters.';

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
    received_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    occurred_at timestamp with time zone
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

COMMENT ON COLUMN public.webhook_events.occurred_at IS 'Backfilled events: Twilio''s date of it. NULL: when it was received.';

CREATE FUNCTION ops.event_state_words(event public.webhook_events) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    queued webhook_queue;
    letter dead_letter_jobs;
    ahead bigint;
    has_router boolean := EXISTS (SELECT FROM instances AS i WHERE i.heartbeat_at >= now() - interval '30 s'
                                                               AND 'router' = ANY (string_to_array(i.roles, ',')));
BEGIN
    SELECT q.* INTO queued FROM webhook_queue AS q WHERE q.id = event.id;
    SELECT d.* INTO letter FROM dead_letter_jobs AS d
    WHERE d.job_type = 'webhook_event' AND d.payload ->> 'webhook_event_id' = event.id::text AND d.resolved_at IS NULL
    ORDER BY d.created_at DESC LIMIT 1;
    IF queued.id IS NOT NULL THEN
        ahead := (SELECT count(*) FROM (SELECT FROM webhook_queue AS q WHERE q.id < event.id ORDER BY q.id LIMIT 10000) AS k);
        RETURN format('was received at %s and waits to be routed%s; %s', ops.moment(event.received_at),
            CASE WHEN queued.is_postponed THEN ', since somebody else has a row of its tenant locked'
                 WHEN queued.attempts > 0 THEN format(' after %s', ops.attempts_words(queued.attempts)) WHEN ahead > 0 THEN format(', behind %s others', ahead)
                 ELSE '' END,
            CASE WHEN NOT has_router THEN 'no router is running, start pgcourier serve with the role router'
                 WHEN queued.due_at > now() THEN 'its next attempt is at ' || ops.moment(queued.due_at)
                 ELSE 'a router takes it at its next look, within seconds' END);
    ELSIF letter.id IS NOT NULL THEN
        RETURN format('was received at %s and could not be routed in %s: %s; nothing more happens unless a person retries it: SELECT ops.retry_dead_letter(%s)',
                      ops.moment(event.received_at), ops.attempts_words(letter.attempts), coalesce(ops.masked_text(letter.error_message), 'it was not said why'), ops.sql_word(letter.id));
    END IF;
    RETURN format('was received at %s and routed', ops.moment(event.received_at));
END $$;

COMMENT ON FUNCTION ops.event_state_words(event public.webhook_events) IS 'What becomes of an event of the inbox, without its subject.';

CREATE FUNCTION ops.event_words(payload jsonb) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
    SELECT ops.masked_text(string_agg(k.label || ' ' || (payload ->> k.key), ', ' ORDER BY k.place))
    FROM (VALUES (1, 'attempt', 'attempt'), (2, 'attempts', 'attempts'), (3, 'code', 'code'), (4, 'reason', 'reason:'),
                 (5, 'status', 'status'), (6, 'provider_message_id', 'Twilio''s id'), (7, 'by', 'by'), (8, 'kind', 'kind'),
                 (9, 'is_opted_out', 'is opted out:'), (10, 'expires_at', 'expires'), (11, 'dead_letter_id', 'dead letter'),
                 (12, 'new_message_id', 'written again as'), (13, 'webhook_event_id', 'event'), (14, 'events', 'events'),
                 (15, 'what', 'what:'))
        AS k (place, key, label)
    WHERE payload ->> k.key IS NOT NULL
$$;

COMMENT ON FUNCTION ops.event_words(payload jsonb) IS 'The payload of an event in words, numbers masked.';

CREATE FUNCTION ops.explain(id text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $_$
    SELECT e.words FROM ops.explanation($1) AS e
$_$;

COMMENT ON FUNCTION ops.explain(id text) IS 'One sentence: why a message has not been sent, or what became of it, and what will happen when. For the id of a message, in or out, Twilio''s id of it, its correlation id, an event''s or a dead letter''s.';

CREATE FUNCTION ops.explanation(id text, OUT is_known boolean, OUT words text) RETURNS record
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $_$
DECLARE
    outgoing messages_out;
    incoming messages_in;
    event webhook_events;
    correlation text[];
BEGIN
    IF pgcourier_bare_address($1) ~ '^(\+[1-9][0-9]{7,14}|[A-Z]{2}\..+)$' THEN
        is_known := false;
        words := format('%s is a person or a shop, and no message: ops.messages_of(…), or pgcourier show, lists what came from there and went there.',
                        ops.masked(pgcourier_bare_address($1)));
        RETURN;
    END IF;
    is_known := true;
    SELECT m.* INTO outgoing FROM messages_out AS m WHERE m.id = $1;
    IF outgoing.id IS NULL THEN
        SELECT m.* INTO incoming FROM messages_in AS m WHERE m.id = $1;
    END IF;
    IF outgoing.id IS NULL AND incoming.id IS NULL THEN
        -- Twilio's id of it, a dead letter's, an event's, or a correlation id: then the first message that is not finished, else the last.
        SELECT m.* INTO outgoing FROM messages_out AS m
        WHERE m.seq = (SELECT max(f.seq) FROM (SELECT x.seq FROM messages_out AS x WHERE x.provider_message_id = $1 OFFSET 0) AS f);
        IF outgoing.id IS NULL THEN
            SELECT m.* INTO outgoing FROM dead_letter_jobs AS d JOIN messages_out AS m ON m.id = d.payload ->> 'message_out_id'
            WHERE d.id = $1 AND d.job_type = 'message_out';
        END IF;
        IF outgoing.id IS NULL THEN
            -- Of very many, among 10,000: a shop may give all that it writes the same one.
            SELECT m.* INTO outgoing FROM messages_out AS m
            WHERE m.seq = (SELECT x.seq FROM (SELECT y.seq, y.status FROM messages_out AS y WHERE y.correlation_id = $1 LIMIT 10000) AS x
                           ORDER BY x.status IN ('pending', 'failed', 'sending', 'unknown') DESC,
                                    CASE WHEN x.status IN ('pending', 'failed', 'sending', 'unknown') THEN x.seq ELSE -x.seq END
                           LIMIT 1);
        END IF;
        IF outgoing.id IS NULL THEN
            SELECT m.* INTO incoming FROM messages_in AS m WHERE m.provider_message_id = $1 AND m.duplicate_of IS NULL;
        END IF;
    END IF;
    IF outgoing.id IS NOT NULL THEN
        words := format('Message %s %s.', outgoing.id, ops.outgoing_words(outgoing));
        RETURN;
    END IF;
    correlation := ARRAY(SELECT c.id FROM ops.correlations($1) AS c (id));
    IF incoming.id IS NULL THEN
        SELECT m.* INTO incoming
        FROM (SELECT x.entity_type, x.entity_id FROM event_log AS x WHERE x.correlation_id = ANY (correlation) LIMIT 10000) AS l
        JOIN messages_in AS m ON m.id = l.entity_id
        WHERE l.entity_type = 'message_in' LIMIT 1;
    END IF;
    IF incoming.id IS NOT NULL THEN
        words := format('Message in %s %s.', incoming.id, ops.incoming_words(incoming));
        RETURN;
    END IF;
    SELECT e.* INTO event FROM webhook_events AS e WHERE e.key = 'msg:' || $1;
    IF event.id IS NULL AND $1 ~ '^[0-9]{1,18}$' THEN
        SELECT e.* INTO event FROM webhook_events AS e WHERE e.id = $1::bigint;
    END IF;
    IF event.id IS NULL THEN
        SELECT e.* INTO event FROM dead_letter_jobs AS d
        JOIN webhook_events AS e ON e.id = CASE WHEN d.payload ->> 'webhook_event_id' ~ '^[0-9]{1,18}$'
                                                THEN (d.payload ->> 'webhook_event_id')::bigint END
        WHERE d.id = $1 AND d.job_type = 'webhook_event';
    END IF;
    IF event.id IS NULL THEN
        SELECT e.* INTO event
        FROM (SELECT x.entity_type, x.entity_id FROM event_log AS x WHERE x.correlation_id = ANY (correlation) LIMIT 10000) AS l
        JOIN webhook_events AS e ON e.id = CASE WHEN l.entity_id ~ '^[0-9]{1,18}$' THEN l.entity_id::bigint END
        WHERE l.entity_type = 'webhook_event' LIMIT 1;
    END IF;
    IF event.id IS NULL THEN
        SELECT e.* INTO event
        FROM (SELECT q.id FROM webhook_queue AS q ORDER BY q.id LIMIT 10000) AS q
        CROSS JOIN LATERAL (SELECT x.id, x.correlation_id FROM webhook_events AS x WHERE x.id = q.id OFFSET 0) AS f
        JOIN webhook_events AS e ON e.id = f.id
        WHERE f.correlation_id = $1 LIMIT 1;
    END IF;
    IF event.id IS NOT NULL THEN
        words := format('Event %s (%s) %s.', event.id, event.kind, ops.event_state_words(event));
        RETURN;
    END IF;
    is_known := false;
    words := format('Nothing is known of %s: its INSERT is not committed or was rolled back, it is no longer kept (RETENTION_DAYS), or the id is another one.', $1);
END $_$;

COMMENT ON FUNCTION ops.explanation(id text, OUT is_known boolean, OUT words text) IS 'ops.explain, and whether anything is known of the id.';

CREATE FUNCTION ops.find(words text, most integer DEFAULT 50) RETURNS TABLE(kind text, id text, tenant_id text, person text, status text, at timestamp with time zone, correlation_id text, provider_message_id text, body_characters integer, media integer, attempts integer, error_code integer, last_error text, held_reason text, event_id text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $_$
DECLARE
    wanted text := btrim(words);
    who text := ops.person_meant(wanted);
    correlations text[] := '{}';
    outgoing text[] := '{}';
    incoming text[] := '{}';
    events bigint[] := '{}';
    letters text[] := '{}';
    is_complete boolean := true;
BEGIN
    most := least(greatest(most, 1), 100);
    IF who IS NOT NULL THEN
        SELECT coalesce(array_agg(m.id) FILTER (WHERE m.direction = 'out'), '{}'), coalesce(array_agg(m.id) FILTER (WHERE m.direction = 'in'), '{}'),
               count(*) < most
        INTO outgoing, incoming, is_complete FROM ops.messages_of(who, NULL, most) AS m;
    ELSE
        correlations := ARRAY(SELECT c.id FROM ops.correlations(wanted) AS c (id));
        outgoing := ARRAY(SELECT m.id FROM messages_out AS m WHERE m.id = wanted
                          UNION SELECT m.id FROM messages_out AS m WHERE m.provider_message_id = wanted
                          UNION SELECT x.id FROM (SELECT m.id FROM messages_out AS m
                                                  WHERE m.correlation_id = ANY (correlations) LIMIT most) AS x
                          UNION SELECT d.payload ->> 'message_out_id' FROM dead_letter_jobs AS d
                                WHERE d.id = wanted AND d.job_type = 'message_out');
        incoming := ARRAY(SELECT m.id FROM messages_in AS m WHERE m.id = wanted
                          UNION SELECT m.id FROM messages_in AS m WHERE m.provider_message_id = wanted AND m.duplicate_of IS NULL
                          UNION SELECT x.entity_id
                                FROM (SELECT l.entity_type, l.entity_id FROM event_log AS l
                                      WHERE l.correlation_id = ANY (correlations) LIMIT 1000) AS x
                                WHERE x.entity_type = 'message_in');
        events := ARRAY(SELECT e.id FROM webhook_events AS e WHERE e.key = 'msg:' || wanted
                        UNION SELECT e.id FROM webhook_events AS e WHERE e.id = CASE WHEN wanted ~ '^[0-9]{1,18}$' THEN wanted::bigint END
                        UNION SELECT m.event_id FROM messages_in AS m WHERE m.id = ANY (incoming) AND m.event_id IS NOT NULL
                        UNION SELECT ops.event_of(d) FROM dead_letter_jobs AS d WHERE d.id = wanted AND d.job_type = 'webhook_event');
        letters := ARRAY(SELECT d.id FROM dead_letter_jobs AS d WHERE d.id = wanted);
    END IF;
    RETURN QUERY
    SELECT f.kind, f.id, f.tenant_id, f.person, f.status, f.at, f.correlation_id, f.provider_message_id, f.body_characters, f.media,
           f.attempts, f.error_code, f.last_error, f.held_reason, f.event_id
    FROM (
        SELECT 'message_out' AS kind, m.id, m.tenant_id, ops.masked(m."to") AS person, coalesce(m.delivery_status, m.status) AS status,
               m.created_at AT TIME ZONE 'UTC' AS at, m.correlation_id, m.provider_message_id, char_length(m.body) AS body_characters,
               (m.media_url IS NOT NULL)::integer AS media, m.attempts, m.error_code, ops.masked_text(m.last_error) AS last_error,
               ops.masked_text(m.held_reason) AS held_reason, NULL AS event_id, (m.id = wanted) AS is_it
        FROM messages_out AS m WHERE m.id = ANY (outgoing)
        UNION ALL
        SELECT 'message_in', m.id, m.tenant_id, ops.masked(m."from"), m.message_type, m.created_at AT TIME ZONE 'UTC', m.correlation_id,
               m.provider_message_id, char_length(m.body), coalesce(jsonb_array_length(m.media), (m.media_url IS NOT NULL)::integer),
               NULL, NULL, NULL, NULL, m.event_id::text, m.id = wanted
        FROM messages_in AS m WHERE m.id = ANY (incoming)
        UNION ALL
        SELECT 'webhook_event', e.id::text, NULL, ops.masked(nullif(e."from", '')), e.kind, e.received_at, e.correlation_id, NULL, NULL,
               NULL, NULL, NULL, NULL, NULL, e.id::text, e.id::text = wanted
        FROM webhook_events AS e WHERE e.id = ANY (events)
        UNION ALL
        SELECT 'dead_letter', d.id, d.tenant_id, NULL, CASE WHEN d.resolved_at IS NULL THEN 'waits' ELSE 'resolved' END,
               d.created_at AT TIME ZONE 'UTC', NULL, NULL, NULL, NULL, d.attempts, NULL, ops.masked_text(d.error_message), NULL,
               ops.event_of(d)::text, true
        FROM dead_letter_jobs AS d WHERE d.id = ANY (letters)
        UNION ALL
        (SELECT 'tenant', t.id, t.id, ops.masked(t.whatsapp_phone_number), NULL, t.created_at AT TIME ZONE 'UTC', NULL, NULL, NULL,
                NULL, NULL, NULL, NULL, NULL, NULL, true
         FROM tenants AS t
         WHERE t.id = wanted OR t.whatsapp_phone_number = coalesce(who, wanted) OR lower(t.name) = lower(wanted)
         ORDER BY t.id LIMIT 20)) AS f
    ORDER BY f.is_it DESC, f.at DESC NULLS LAST, f.id
    LIMIT most;
    IF NOT is_complete THEN
        RETURN QUERY SELECT 'more', NULL, NULL, NULL, NULL, NULL::timestamptz, NULL, NULL, NULL::integer, NULL::integer, NULL::integer,
                            NULL::integer, NULL, NULL, NULL;
    END IF;
END $_$;

COMMENT ON FUNCTION ops.find(words text, most integer) IS 'What an id of any kind, a correlation id, Twilio''s id, a tenant''s name or a whole phone number means: the best match first, numbers masked. A last row of the kind more says that a person has more messages than these.';

CREATE FUNCTION ops.find_dead_letters(tenant text, code integer, since timestamp with time zone, until timestamp with time zone, everything boolean, job_type text, letter_reason text, ids text[], most integer) RETURNS TABLE(id text, entity_id text, seq bigint, kind text, was_sent boolean, is_kept boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    -- What is masked stands for anything: a cheap look before the masking of each.
    alike text := replace(regexp_replace(letter_reason, '([\\%_])', '\\\1', 'g'), '…', '%');
    named text[];
BEGIN
    IF num_nonnulls(tenant, code, since, until, job_type, letter_reason, ids) = 0 AND NOT coalesce(everything, false) THEN
        RAISE EXCEPTION 'no filter was given: expected tenant, code, since, until, job_type, letter_reason or ids, or everything => true';
    END IF;
    -- Letters outlive their tenant: an id that only they have is no mistake.
    IF tenant IS NOT NULL AND NOT EXISTS (SELECT FROM dead_letter_jobs AS d WHERE d.tenant_id = tenant AND d.resolved_at IS NULL) THEN
        tenant := ops.tenant_named(tenant);
    END IF;
    IF ids IS NOT NULL THEN
        named := ARRAY(SELECT d.id FROM dead_letter_jobs AS d WHERE d.id = ANY (ids)
                       UNION SELECT d.id FROM dead_letter_jobs AS d
                             WHERE d.job_type = 'message_out' AND d.payload ->> 'message_out_id' = ANY (ids));
    END IF;
    RETURN QUERY
        SELECT f.id, f.entity_id, coalesce(f.message_seq, f.event_id), f.job_type, f.was_sent, f.is_kept
        FROM (
            SELECT d.id, coalesce(d.payload ->> 'message_out_id', d.payload ->> 'webhook_event_id') AS entity_id, m.seq AS message_seq,
                   ops.event_of(d) AS event_id, d.created_at, d.job_type, coalesce(m.status = 'sent', false) AS was_sent,
                   d.job_type <> 'message_out' OR m.seq IS NOT NULL AS is_kept
            FROM dead_letter_jobs AS d
            LEFT JOIN LATERAL (SELECT x.seq, x.error_code, x.status FROM messages_out AS x
                               WHERE d.job_type = 'message_out' AND x.id = d.payload ->> 'message_out_id' OFFSET 0) AS m ON true
            WHERE d.resolved_at IS NULL
              AND (find_dead_letters.tenant IS NULL OR d.tenant_id = find_dead_letters.tenant)
              AND (find_dead_letters.code IS NULL OR m.error_code = find_dead_letters.code)
              AND (find_dead_letters.since IS NULL OR d.created_at >= find_dead_letters.since AT TIME ZONE 'UTC')
              AND (find_dead_letters.until IS NULL OR d.created_at < find_dead_letters.until AT TIME ZONE 'UTC')
              AND (find_dead_letters.job_type IS NULL OR d.job_type = find_dead_letters.job_type)
              AND (letter_reason IS NULL OR coalesce(d.error_message, '') LIKE alike)
              AND (letter_reason IS NULL OR ops.masked_text(coalesce(d.error_message, '')) = letter_reason)
              AND (named IS NULL OR d.id = ANY (named))
            ORDER BY d.created_at, d.id
            LIMIT least(greatest(coalesce(most, 10000), 1), 10000)) AS f
        ORDER BY f.message_seq NULLS LAST, f.event_id, f.created_at, f.id;
END $$;

COMMENT ON FUNCTION ops.find_dead_letters(tenant text, code integer, since timestamp with time zone, until timestamp with time zone, everything boolean, job_type text, letter_reason text, ids text[], most integer) IS 'The dead letters that a filter means; part of ops.retry_dead_letters and ops.discard_dead_letters.';

CREATE FUNCTION ops.grant_once(wanted text, kind text, object text, to_role text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    one text;
    is_there boolean := true;
BEGIN
    FOREACH one IN ARRAY string_to_array(wanted, ', ') LOOP
        is_there := is_there AND CASE kind WHEN 'TABLE' THEN has_table_privilege(to_role, object, one)
                                           WHEN 'SCHEMA' THEN has_schema_privilege(to_role, object::regnamespace, one)
                                           ELSE has_function_privilege(to_role, object, one) END;
    END LOOP;
    IF NOT is_there THEN
        EXECUTE format('GRANT %s ON %s %s TO %I', wanted, kind, object, to_role);
    END IF;
END $$;

COMMENT ON FUNCTION ops.grant_once(wanted text, kind text, object text, to_role text) IS 'Grants what a role does not have yet; part of ops.grant_roles.';

CREATE FUNCTION ops.grant_roles() RETURNS SETOF text
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    home text := (SELECT c.relnamespace::regnamespace::text FROM pg_class AS c WHERE c.oid = 'messages_out'::regclass);
    roles CONSTANT text[] := ARRAY['pgcourier_ops_reader', 'pgcourier_writer', 'pgcourier_service'];
    tables CONSTANT text[] := ARRAY[
        'tenants', 'seller_phones', 'messages_in', 'messages_out', 'dead_letter_jobs', 'event_log', 'opt_outs', 'opt_out_history',
        'webhook_events', 'webhook_queue', 'delivery_events', 'outbox_queue', 'outbox_leases', 'outbox_scopes', 'outbox_pauses',
        'outbox_dedupe_keys', 'outbox_waits', 'instances', 'alert_watch', 'alerts_open', 'alert_posts',
        'retention_passes', 'erasures', 'receiving', 'backfills', 'former_numbers'];
    -- What runs with the rights of its owner.
    looks CONSTANT text[] := ARRAY['trace', 'messages_of', 'explanation', 'oldest_snapshot', 'unfinished_migrations', 'find', 'conversation', 'log',
                                   'find_dead_letters'];
    is_closed boolean;
    missing text[];
    one text;
    found record;
BEGIN
    -- A member of pgcourier_service that runs `migrate up` on a database which is up to date has nothing to give.
    IF NOT (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class AS c WHERE c.oid = 'messages_out'::regclass) THEN
        RETURN;
    END IF;
    missing := ARRAY(SELECT r FROM unnest(roles) AS r WHERE to_regrole(r) IS NULL);
    IF missing <> '{}' AND (SELECT r.rolsuper OR r.rolcreaterole FROM pg_roles AS r WHERE r.rolname = current_user) THEN
        FOREACH one IN ARRAY missing LOOP
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', one);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- another database of this server was faster
            END;
        END LOOP;
    ELSIF missing <> '{}' THEN
        RETURN NEXT format('roles: %s may not create roles; have somebody who may run %s; then run pgcourier migrate up once more', current_user,
                           (SELECT string_agg(format('CREATE ROLE %I NOLOGIN', m), '; ') FROM unnest(missing) AS m));
    END IF;

    -- Where everybody may create functions beside the tables, one of them could be called with the owner's rights.
    is_closed := NOT EXISTS (SELECT FROM pg_namespace AS n CROSS JOIN aclexplode(n.nspacl) AS a
                             WHERE n.oid = home::regnamespace AND a.grantee = 0 AND a.privilege_type = 'CREATE');
    IF NOT is_closed THEN
        RETURN NEXT format('roles: everybody may create functions in the schema %s, so that no function there or in ops runs with the rights of its owner, '
                           'and pgcourier_ops_reader and pgcourier_writer can do less: REVOKE CREATE ON SCHEMA %s FROM PUBLIC, then pgcourier migrate up',
                           home, home);
    END IF;
    PERFORM ops.secure_function(p.oid::regprocedure, is_closed AND (p.proname = 'pgcourier_take_dedupe_key' OR p.proname = ANY (looks)))
    FROM pg_proc AS p
    WHERE p.proconfig IS NOT NULL
      AND (p.pronamespace = home::regnamespace AND p.proname LIKE 'pgcourier\_%' OR p.pronamespace = 'ops'::regnamespace);

    -- With its owner's rights it is for those who write messages, and for nobody else.
    IF is_closed AND NOT has_table_privilege('public', 'messages_out', 'INSERT') THEN
        FOR found IN SELECT p.oid::regprocedure::text AS name, p.oid FROM pg_proc AS p
                     WHERE p.pronamespace = home::regnamespace AND p.proname = 'pgcourier_take_dedupe_key' LOOP
            IF has_function_privilege('public', found.oid, 'EXECUTE') THEN
                EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', found.name);
            END IF;
            FOR one IN SELECT a.grantee::regrole::text FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS a
                       WHERE c.oid = 'messages_out'::regclass AND a.privilege_type = 'INSERT' AND a.grantee <> 0
                       UNION
                       SELECT a.grantee::regrole::text FROM pg_attribute AS c CROSS JOIN aclexplode(c.attacl) AS a
                       WHERE c.attrelid = 'messages_out'::regclass AND a.privilege_type = 'INSERT' AND a.grantee <> 0
                       UNION
                       SELECT 'pg_write_all_data' LOOP
                EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', found.name, one);
            END LOOP;
        END LOOP;
    END IF;

    IF to_regrole('pgcourier_ops_reader') IS NOT NULL THEN
        PERFORM ops.grant_once('USAGE', 'SCHEMA', 'ops', 'pgcourier_ops_reader');
        FOR found IN SELECT format('ops.%I', c.relname) AS name FROM pg_class AS c
                     WHERE c.relnamespace = 'ops'::regnamespace AND c.relkind = 'v' LOOP
            PERFORM ops.grant_once('SELECT', 'TABLE', found.name, 'pgcourier_ops_reader');
        END LOOP;
        -- Those that look, and those that stand in the views.
        FOR found IN SELECT p.oid::regprocedure::text AS name FROM pg_proc AS p
                     WHERE p.pronamespace = 'ops'::regnamespace
                           AND p.proname IN ('masked', 'masked_text', 'span', 'moment', 'trace', 'messages_of', 'explain',
                                             'explanation', 'oldest_snapshot', 'unfinished_migrations', 'find', 'conversation',
                                             'log', 'find_dead_letters', 'letters_told', 'utc', 'cursor', 'has_hidden', 'sql_word',
                                             'shell_word', 'shell_argument', 'shell_option')
                        OR p.pronamespace = home::regnamespace AND p.proname = 'pgcourier_masked_scope' LOOP
            PERFORM ops.grant_once('EXECUTE', 'FUNCTION', found.name, 'pgcourier_ops_reader');
        END LOOP;
    END IF;

    IF to_regrole('pgcourier_writer') IS NOT NULL THEN
        PERFORM ops.grant_once('USAGE', 'SCHEMA', home, 'pgcourier_writer');
        PERFORM ops.grant_once('INSERT', 'TABLE', home || '.messages_out', 'pgcourier_writer');
        PERFORM ops.grant_once('SELECT', 'TABLE', home || '.messages_in', 'pgcourier_writer');
        IF NOT has_column_privilege('pgcourier_writer', 'messages_in', 'handled_at', 'UPDATE') THEN
            EXECUTE 'GRANT UPDATE (handled_at) ON messages_in TO pgcourier_writer';
        END IF;
        -- What names a row, for INSERT … RETURNING, and what became of it; neither whom it is for nor what it says.
        IF NOT has_column_privilege('pgcourier_writer', 'messages_out', 'delivery_status', 'SELECT') THEN
            EXECUTE 'GRANT SELECT (id, seq, correlation_id, tenant_id, status, attempts, next_attempt_at, last_error, held_reason, '
                    'provider_message_id, error_code, delivery_status, created_at, updated_at, send_at, expires_at, sent_at, '
                    'delivered_at, read_at, undelivered_at) ON messages_out TO pgcourier_writer';
        END IF;
        -- What the triggers of such an INSERT do.
        IF NOT has_column_privilege('pgcourier_writer', 'outbox_queue', 'expires_at', 'INSERT') THEN
            EXECUTE 'GRANT INSERT (seq, message_id, tenant_id, recipient, due_at, expires_at) ON outbox_queue TO pgcourier_writer';
        END IF;
        FOR found IN SELECT p.oid::regprocedure::text AS name FROM pg_proc AS p
                     WHERE p.pronamespace = home::regnamespace
                       AND p.proname IN ('pgcourier_bare_address', 'pgcourier_utc_if_now', 'pgcourier_take_dedupe_key',
                                         'pgcourier_is_due_again', 'pgcourier_new_message_id', 'pgcourier_new_id') LOOP
            PERFORM ops.grant_once('EXECUTE', 'FUNCTION', found.name, 'pgcourier_writer');
        END LOOP;
    END IF;

    IF to_regrole('pgcourier_service') IS NOT NULL THEN
        PERFORM ops.grant_once('USAGE', 'SCHEMA', home, 'pgcourier_service');
        PERFORM ops.grant_once('USAGE', 'SCHEMA', 'ops', 'pgcourier_service');
        FOREACH one IN ARRAY tables LOOP
            PERFORM ops.grant_once('SELECT, INSERT, UPDATE, DELETE', 'TABLE', format('%s.%I', home, one), 'pgcourier_service');
        END LOOP;
        FOR found IN SELECT c.oid::regclass::text AS name FROM pg_class AS c
                     WHERE c.relnamespace = 'ops'::regnamespace AND c.relkind = 'v'
                        OR c.relnamespace = home::regnamespace AND c.relname IN ('pgcourier_migrations', '_prisma_migrations')
                           AND c.relkind = 'r' AND pg_has_role(c.relowner, 'USAGE')
                        OR c.oid IN (to_regclass(home || '.routable_events'), to_regclass(home || '.tenant_senders')) LOOP
            PERFORM ops.grant_once('SELECT', 'TABLE', found.name, 'pgcourier_service');
        END LOOP;
        FOR found IN SELECT p.oid::regprocedure::text AS name FROM pg_proc AS p
                     WHERE p.pronamespace = 'ops'::regnamespace
                        OR p.pronamespace = home::regnamespace AND p.proname LIKE 'pgcourier\_%' LOOP
            PERFORM ops.grant_once('EXECUTE', 'FUNCTION', found.name, 'pgcourier_service');
        END LOOP;
    END IF;
END $$;

COMMENT ON FUNCTION ops.grant_roles() IS 'Makes the roles pgcourier_ops_reader, pgcourier_writer and pgcourier_service, and gives them what they do not have yet. pgcourier migrate up calls it each time.';

CREATE FUNCTION ops.has_hidden(word text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (word ~ '[\u0001-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]'::text);

COMMENT ON FUNCTION ops.has_hidden(word text) IS 'Whether a text has characters in it that are obeyed and not shown.';

CREATE TABLE public.messages_in (
    id text DEFAULT public.pgcourier_new_id() NOT NULL,
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

CREATE FUNCTION ops.incoming_words(message public.messages_in) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    stored_at timestamptz := message.created_at AT TIME ZONE 'UTC';
    event webhook_events;
    owner text := (SELECT t.id FROM tenants AS t WHERE t.whatsapp_phone_number = message."to");
BEGIN
    IF message.duplicate_of IS NOT NULL THEN
        RETURN format('is a second row of message in %s, stored by the predecessor, and goes nowhere', message.duplicate_of);
    ELSIF message.tenant_id IS NULL AND message."to" IS NULL THEN
        RETURN format('was stored at %s by the predecessor without the number that it was written to, and no tenant has it', ops.moment(stored_at));
    ELSIF message.tenant_id IS NULL AND message.message_type IS NOT NULL THEN
        RETURN format('was received at %s from a %s of a tenant that has been deleted since', ops.moment(stored_at), message.message_type);
    ELSIF message.tenant_id IS NULL THEN
        SELECT e.* INTO event FROM webhook_events AS e WHERE e.id = message.event_id;
        RETURN format('was received at %s and is unrouted: %s', ops.moment(stored_at),
            CASE WHEN event.id IS NULL THEN format('no tenant had the number %s, and its event is no longer kept (RETENTION_DAYS)', ops.masked(message."to"))
                 WHEN owner IS NULL THEN format('no tenant has the number %s; it is routed by itself as soon as one gets it', ops.masked(message."to"))
                 WHEN EXISTS (SELECT FROM webhook_queue AS q WHERE q.id = event.id) THEN format('tenant %s has its number by now, and it is being routed again', owner)
                 ELSE format('tenant %s has its number by now; SELECT ops.reroute(event => %s) routes it again', owner, event.id) END);
    END IF;
    RETURN format('was received at %s from a %s of tenant %s; %s', ops.moment(stored_at), coalesce(message.message_type, 'person'), message.tenant_id,
        CASE WHEN message.handled_at IS NOT NULL THEN 'the shop has handled it at ' || ops.moment(message.handled_at)
             ELSE 'the shop has not handled it yet (handled_at is NULL)' END);
END $$;

COMMENT ON FUNCTION ops.incoming_words(message public.messages_in) IS 'What became of an incoming message, without its subject.';

CREATE FUNCTION ops.letter_locked(letter_id text) RETURNS public.dead_letter_jobs
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    letter dead_letter_jobs;
BEGIN
    PERFORM FROM dead_letter_jobs AS d
    WHERE d.job_type = 'message_out' AND d.resolved_at IS NULL
      AND d.payload ->> 'message_out_id' = (SELECT x.payload ->> 'message_out_id' FROM dead_letter_jobs AS x
                                            WHERE x.id = letter_id AND x.job_type = 'message_out')
    ORDER BY d.id
    FOR UPDATE;
    SELECT d.* INTO letter FROM dead_letter_jobs AS d WHERE d.id = letter_id FOR UPDATE;
    RETURN letter;
END $$;

COMMENT ON FUNCTION ops.letter_locked(letter_id text) IS 'A dead letter, locked with the others of its message; part of ops.retry_dead_letter.';

CREATE FUNCTION ops.letters_told(act text, is_preview boolean, choice jsonb, meant bigint, results jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
    WITH one AS MATERIALIZED (
        SELECT r.place, r.result, (r.result ->> 'is_done')::boolean AS is_done
        FROM jsonb_array_elements(coalesce(results, '[]')) WITH ORDINALITY AS r (result, place)),
    given AS MATERIALIZED (
        SELECT p.place, p.name, CASE p.name WHEN 'ids' THEN ARRAY(SELECT jsonb_array_elements_text(choice -> 'ids'))::text
                                            ELSE choice ->> p.name END AS value
        FROM unnest('{ids,tenant,code,since,until,job_type,letter_reason,everything,most,per_second,reason}'::text[])
             WITH ORDINALITY AS p (name, place)
        WHERE jsonb_typeof(choice -> p.name) <> 'null'),
    told AS (
        SELECT string_agg(g.name || ' => ' || CASE WHEN jsonb_typeof(choice -> g.name) IN ('number', 'boolean') THEN g.value
                                                   ELSE ops.sql_word(g.value) END, ', ' ORDER BY g.place) AS sql,
               string_agg(CASE g.name WHEN 'everything' THEN ' --all'
                                      ELSE ops.shell_option(replace(g.name, '_', '-'), g.value) END, '' ORDER BY g.place)
                   FILTER (WHERE g.name NOT IN ('ids', 'most') AND (choice -> 'ids' IS NULL OR g.name = 'reason')) AS options,
               bool_or(g.name IN ('job_type', 'letter_reason')) AS has_more
        FROM given AS g)
    SELECT jsonb_build_object(
        'act', act, 'is_preview', is_preview, 'chosen', (SELECT count(*) FROM one), 'done', (SELECT count(*) FROM one AS o WHERE o.is_done),
        'remaining', greatest(meant - (SELECT count(*) FROM one), 0),
        'results', coalesce((SELECT jsonb_agg(f.result ORDER BY f.is_done, f.place)
                             FROM (SELECT o.* FROM one AS o ORDER BY o.is_done, o.place LIMIT 100) AS f), '[]'),
        'sql', CASE WHEN choice -> 'ids' IS DISTINCT FROM '[]' THEN format('SELECT * FROM ops.%s_dead_letters(%s)', act, t.sql) END,
        -- One by its id, or all that a filter means: the command line has neither a list of ids nor a bound.
        'command', CASE WHEN jsonb_array_length(choice -> 'ids') = 1 AND meant = 1
                        THEN 'pgcourier dlq ' || act || coalesce(t.options, '') || ' ' || ops.shell_argument(choice -> 'ids' ->> 0)
                        WHEN choice -> 'ids' IS NULL AND NOT t.has_more AND meant <= (SELECT count(*) FROM one)
                        THEN 'pgcourier dlq ' || act || coalesce(t.options, '') END)
    FROM told AS t
$$;

COMMENT ON FUNCTION ops.letters_told(act text, is_preview boolean, choice jsonb, meant bigint, results jsonb) IS 'What retrying or discarding dead letters did or would do, with the SQL and the command that do the same; part of the console.';

CREATE FUNCTION ops.log(tenant text DEFAULT NULL::text, type text DEFAULT NULL::text, correlation text DEFAULT NULL::text, since timestamp with time zone DEFAULT NULL::timestamp with time zone, until timestamp with time zone DEFAULT NULL::timestamp with time zone, before_at timestamp with time zone DEFAULT NULL::timestamp with time zone, before_id text DEFAULT NULL::text, only_people boolean DEFAULT false, most integer DEFAULT 50) RETURNS TABLE(id text, at timestamp with time zone, event_type text, entity_type text, entity_id text, tenant_id text, correlation_id text, actor_type text, by text, reason text, detail text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $$
DECLARE
    looked_at integer := 10000;
    is_rare boolean := log.type NOT IN ('webhook_received', 'message_sent', 'message_delivered', 'message_read') AND NOT only_people;
    earliest timestamp := coalesce(since AT TIME ZONE 'UTC', '-infinity');
    latest timestamp := coalesce(until AT TIME ZONE 'UTC', 'infinity');
    last_at timestamp := before_at AT TIME ZONE 'UTC';
    found text[];
    walked bigint;
    walked_at timestamp;
    walked_id text;
BEGIN
    most := least(greatest(most, 1), 101);
    IF tenant IS NOT NULL AND NOT EXISTS (SELECT FROM tenants AS t WHERE t.id = tenant) THEN
        tenant := coalesce((SELECT min(t.id) FROM tenants AS t WHERE t.name = tenant), tenant);
    END IF;
    IF correlation IS NOT NULL THEN
        found := ARRAY(SELECT l.id
                       FROM (SELECT x.id, x.created_at, x.tenant_id, x.event_type, x.actor_type FROM event_log AS x
                             WHERE x.correlation_id = correlation LIMIT 5000) AS l
                       WHERE l.created_at >= earliest AND l.created_at < latest
                         AND (last_at IS NULL OR (l.created_at, l.id) < (last_at, before_id))
                         AND (log.tenant IS NULL OR l.tenant_id = log.tenant) AND (log.type IS NULL OR l.event_type = log.type)
                         AND (NOT only_people OR l.actor_type = 'operator')
                       ORDER BY l.created_at DESC, l.id DESC LIMIT most);
    ELSE
        IF log.tenant IS NULL AND log.type IS NULL AND NOT only_people THEN
            looked_at := most;
        END IF;
        SELECT (array_agg(w.id ORDER BY w.created_at DESC, w.id DESC) FILTER (WHERE w.fits))[1:most], count(*),
               min(w.created_at), (array_agg(w.id ORDER BY w.created_at, w.id))[1]
        INTO found, walked, walked_at, walked_id
        FROM (SELECT y.id, y.created_at,
                     (log.tenant IS NULL OR y.tenant_id = log.tenant) AND (log.type IS NULL OR y.event_type = log.type) AS fits
              FROM (-- event_log_people_idx
                    (SELECT x.id, x.created_at, x.tenant_id, x.event_type FROM event_log AS x
                     WHERE only_people AND x.actor_type = 'operator' AND x.created_at >= earliest AND x.created_at < latest
                       AND (last_at IS NULL OR x.created_at <= last_at) AND (last_at IS NULL OR (x.created_at, x.id) < (last_at, before_id))
                     ORDER BY x.created_at DESC, x.id DESC
                     LIMIT looked_at)
                    UNION ALL
                    -- event_log_rare_idx
                    (SELECT x.id, x.created_at, x.tenant_id, x.event_type FROM event_log AS x
                     WHERE is_rare AND x.event_type = log.type
                       AND x.event_type NOT IN ('webhook_received', 'message_sent', 'message_delivered', 'message_read')
                       AND x.created_at >= earliest AND x.created_at < latest
                       AND (last_at IS NULL OR x.created_at <= last_at) AND (last_at IS NULL OR (x.created_at, x.id) < (last_at, before_id))
                     ORDER BY x.created_at DESC, x.id DESC
                     LIMIT looked_at)
                    UNION ALL
                    -- event_log_created_at_idx
                    (SELECT x.id, x.created_at, x.tenant_id, x.event_type FROM event_log AS x
                     WHERE NOT only_people AND is_rare IS NOT TRUE AND x.created_at >= earliest AND x.created_at < latest
                       AND (last_at IS NULL OR x.created_at <= last_at) AND (last_at IS NULL OR (x.created_at, x.id) < (last_at, before_id))
                     ORDER BY x.created_at DESC, x.id DESC
                     LIMIT looked_at)) AS y) AS w;
    END IF;
    RETURN QUERY
    SELECT l.id, l.created_at AT TIME ZONE 'UTC', l.event_type, l.entity_type, l.entity_id, l.tenant_id, l.correlation_id, l.actor_type,
           ops.masked_text(l.payload ->> 'by'), ops.masked_text(l.payload ->> 'reason'),
           ops.event_words(l.payload - 'by' - 'reason')
    FROM event_log AS l WHERE l.id = ANY (found)
    ORDER BY l.created_at DESC, l.id DESC;
    IF walked >= looked_at AND coalesce(cardinality(found), 0) < most THEN
        RETURN QUERY SELECT walked_id, walked_at AT TIME ZONE 'UTC', 'more', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL;
    END IF;
END $$;

COMMENT ON FUNCTION ops.log(tenant text, type text, correlation text, since timestamp with time zone, until timestamp with time zone, before_at timestamp with time zone, before_id text, only_people boolean, most integer) IS 'event_log, newest first, numbers masked: of a tenant (id or name), a type, a correlation id, a time, or of people only. A last row of the type more says up to where was looked: ask for what is before it.';

CREATE FUNCTION ops.log_act(act text, entity_type text, entity_id text, tenant_id text, correlation_id text, reason text, actor text DEFAULT NULL::text, details jsonb DEFAULT '{}'::jsonb) RETURNS void
    LANGUAGE sql
    SET search_path TO 'public', 'pg_temp'
    AS $_$
    INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type, payload)
    VALUES ($4, $1, $2, $3, coalesce($5, gen_random_uuid()::text), 'operator',
            jsonb_strip_nulls(jsonb_build_object('by', coalesce(ops.masked_text(nullif($7, '')), session_user),
                                                 'reason', ops.masked_text(nullif($6, ''))) || $8));
$_$;

COMMENT ON FUNCTION ops.log_act(act text, entity_type text, entity_id text, tenant_id text, correlation_id text, reason text, actor text, details jsonb) IS 'Writes into event_log what a person did; part of the functions that act.';

CREATE FUNCTION ops.masked(address text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN (address ~ '^\+[1-9][0-9]{7,14}$'::text) THEN (("left"(address, 4) || '…'::text) || "right"(address, 2)) WHEN (address ~ '^[A-Z]{2}\.'::text) THEN ("left"(address, 3) || '…'::text) WHEN (address = ''::text) THEN ''::text ELSE '…'::text END;

COMMENT ON FUNCTION ops.masked(address text) IS 'An address as logs and views show it: +336…78.';

CREATE FUNCTION ops.masked_text(words text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN regexp_replace(regexp_replace(regexp_replace(words, '(?<![[:alnum:]])([A-Z]{2}\.(?:ENT\.)?[0-9][0-9A-Za-z]{2})[0-9A-Za-z]+([0-9A-Za-z]{2})'::text, '\1…\2'::text, 'g'::text), '(\+(?:[ .()-]?[0-9]){3})(?:[ .()-]{0,2}[0-9]){2,}([ .()-]?[0-9]{2})'::text, '\1…\2'::text, 'g'::text), '((?<=%2B)|(?<![-+…[:alnum:]]))([0-9]{3})[0-9]{2,}([0-9]{2})(?![0-9A-Za-z]|-[0-9a-f]{4}-)'::text, '\2…\3'::text, 'g'::text);

COMMENT ON FUNCTION ops.masked_text(words text) IS 'Words without the whole of the phone numbers in them.';

CREATE FUNCTION ops.messages_of(number text, before timestamp with time zone DEFAULT NULL::timestamp with time zone, how_many integer DEFAULT 50) RETURNS TABLE(at timestamp with time zone, direction text, tenant_id text, id text, person text, status text, reason text, correlation_id text, provider_message_id text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $_$
    SELECT x.created_at AT TIME ZONE 'UTC', x.direction, x.tenant_id, x.id, ops.masked(x.person), x.status, x.reason, x.correlation_id,
           x.provider_message_id
    FROM (SELECT y.created_at, y.seq, y.direction, y.tenant_id, y.id, y.person, y.status, y.reason, y.correlation_id, y.provider_message_id
          FROM ((SELECT m.created_at, m.seq, 'in' AS direction, m.tenant_id, m.id, m."from" AS person,
                        CASE WHEN m.tenant_id IS NULL AND m.message_type IS NULL THEN 'unrouted' WHEN m.handled_at IS NULL THEN 'stored' ELSE 'handled' END AS status,
                        NULL::text AS reason, m.correlation_id, m.provider_message_id
                 FROM messages_in AS m
                 WHERE m."from" = pgcourier_bare_address($1) AND m.duplicate_of IS NULL
                   AND m.created_at < coalesce($2, 'infinity') AT TIME ZONE 'UTC'
                 ORDER BY m.created_at DESC
                 FETCH FIRST (least(greatest(coalesce($3, 50), 1), 1000)) ROWS WITH TIES)
                UNION ALL
                (SELECT m.created_at, m.seq, 'out', m.tenant_id, m.id, m."to",
                        CASE WHEN m.status = 'sent' THEN coalesce(m.delivery_status, 'sent') ELSE m.status END, ops.masked_text(m.last_error),
                        m.correlation_id, m.provider_message_id
                 FROM messages_out AS m
                 WHERE m."to" = pgcourier_bare_address($1) AND m.created_at < coalesce($2, 'infinity') AT TIME ZONE 'UTC'
                 ORDER BY m.created_at DESC
                 FETCH FIRST (least(greatest(coalesce($3, 50), 1), 1000)) ROWS WITH TIES)) AS y
          ORDER BY y.created_at DESC
          FETCH FIRST (least(greatest(coalesce($3, 50), 1), 1000)) ROWS WITH TIES) AS x
    ORDER BY x.created_at DESC, x.direction, x.seq DESC
    LIMIT 10000
$_$;

COMMENT ON FUNCTION ops.messages_of(number text, before timestamp with time zone, how_many integer) IS 'The messages to and from one person, found by the full number and shown masked, newest first: SELECT * FROM ops.messages_of(''+33612345678''). With before, those before that time. At most 1,000, and what else is of the last one''s moment.';

CREATE FUNCTION ops.span(length interval) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN (length < '00:00:00'::interval) THEN '0 s'::text WHEN (length < '00:00:10'::interval) THEN ((round(EXTRACT(epoch FROM length), 1))::text || ' s'::text) WHEN (length < '00:02:00'::interval) THEN ((floor(EXTRACT(epoch FROM length)))::text || ' s'::text) WHEN (length < '02:00:00'::interval) THEN ((floor((EXTRACT(epoch FROM length) / (60)::numeric)))::text || ' min'::text) WHEN (length < '2 days'::interval) THEN ((floor((EXTRACT(epoch FROM length) / (3600)::numeric)))::text || ' h'::text) ELSE ((floor((EXTRACT(epoch FROM length) / (86400)::numeric)))::text || ' days'::text) END;

COMMENT ON FUNCTION ops.span(length interval) IS 'A length of time as people say it: 8.2 s, 45 s, 12 min, 3 h, 4 days.';

CREATE FUNCTION ops.moment(moment timestamp with time zone) RETURNS text
    LANGUAGE sql STABLE STRICT
    RETURN (to_char((moment AT TIME ZONE 'UTC'::text), 'YYYY-MM-DD HH24:MI:SS "UTC"'::text) || CASE WHEN (moment > (now() + '00:00:00.001'::interval)) THEN ((' (in '::text || ops.span((moment - now()))) || ')'::text) ELSE ((' ('::text || ops.span(GREATEST((now() - moment), '00:00:00'::interval))) || ' ago)'::text) END);

COMMENT ON FUNCTION ops.moment(moment timestamp with time zone) IS 'A time as people read it: 2026-02-08 10:00:00 UTC (in 12 min).';

CREATE FUNCTION public.pgcourier_new_message_id() RETURNS text
    LANGUAGE plpgsql PARALLEL RESTRICTED
    AS $$
    BEGIN
        RETURN public.pgcourier_new_id();
    END $$;

COMMENT ON FUNCTION public.pgcourier_new_message_id() IS 'pgcourier_new_id() that no plan takes in: its expression takes longer to plan than the rest of an INSERT.';

CREATE TABLE public.messages_out (
    id text DEFAULT public.pgcourier_new_message_id() NOT NULL,
    tenant_id text NOT NULL,
    "to" text NOT NULL,
    body text DEFAULT ''::text NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp(3) without time zone,
    last_error text,
    correlation_id text DEFAULT public.pgcourier_new_message_id() NOT NULL,
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
WITH (fillfactor='50');

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

CREATE FUNCTION ops.obstacle_words(message public.messages_out, due timestamp with time zone) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    own_number text := (SELECT s.number FROM tenant_senders AS s WHERE s.tenant_id = message.tenant_id);
    words text[] := '{}';
    one record;
BEGIN
    FOR one IN
        SELECT p.kind, p.paused_by, p.paused_at, p.reason FROM outbox_pauses AS p
        WHERE (p.kind, p.id) IN (('all', ''), ('tenant', message.tenant_id), ('sender', own_number))
        ORDER BY p.paused_at
    LOOP
        words := words || format('%s paused sending %s at %s%s, and SELECT ops.resume_sending(%s) goes on', one.paused_by,
                                 CASE one.kind WHEN 'all' THEN 'of all' WHEN 'tenant' THEN 'of this tenant' ELSE 'from its number' END,
                                 ops.moment(one.paused_at), coalesce(', saying: ' || ops.masked_text(nullif(one.reason, '')), ''),
                                 CASE one.kind WHEN 'all' THEN '' WHEN 'tenant' THEN '''tenant'', ' || ops.sql_word(message.tenant_id)
                                               ELSE '''sender'', number' END);
    END LOOP;
    FOR one IN SELECT max(b.sending_waits_until) AS ends_at FROM backfills AS b WHERE b.sending_waits_until > now() AND b.sending_waits_until <= now() + interval '31 s' HAVING count(*) > 0 LOOP
        words := words || format('after an outage sending waits until each STOP that was missed is known, until %s at the latest',
                                 ops.moment(one.ends_at));
    END LOOP;
    FOR one IN
        SELECT s.scope, s.opened_at, s.probe_at, s.reason FROM outbox_scopes AS s
        WHERE s.opened_at IS NOT NULL AND (s.scope IN ('provider', 'sender:' || own_number) OR s.scope LIKE 'credentials:%')
              AND NOT EXISTS (SELECT FROM ops.breakers AS b
                              WHERE b.scope = pgcourier_masked_scope(s.scope) AND b.opened_at = s.opened_at AND b.state = 'replaced')
        ORDER BY s.opened_at
    LOOP
        words := words || format('the breaker of %s is open since %s%s, and the next probe is %s',
                                 CASE WHEN one.scope = 'provider' THEN 'the provider' WHEN one.scope LIKE 'sender:%' THEN 'its number'
                                      ELSE 'the credentials' END,
                                 ops.moment(one.opened_at), coalesce(' by ' || ops.masked_text(one.reason), ''),
                                 CASE WHEN one.probe_at > now() THEN 'at ' || ops.moment(one.probe_at) ELSE 'due' END);
    END LOOP;
    IF NOT EXISTS (SELECT FROM instances AS i
                   WHERE i.heartbeat_at >= now() - interval '30 s' AND 'sender' = ANY (string_to_array(i.roles, ','))) THEN
        words := words || 'no sender is running, start pgcourier serve with the role sender'::text;
    ELSIF due <= now() AND words = '{}' THEN
        SELECT s.next_start_at, s.calls INTO one FROM outbox_scopes AS s WHERE s.scope = 'sender:' || own_number;
        IF one.next_start_at > clock_timestamp() + interval '100 ms' THEN
            words := words || format('its number sends as fast as OUTBOX_RATE_PER_SENDER lets it, and may start its next call in %s',
                                     ops.span(one.next_start_at - clock_timestamp()));
        ELSIF one.calls < 1024 THEN
            words := words || format('its number has just begun or failed, so that only %s at a time may be in flight; the number doubles with each success',
                                     one.calls);
        END IF;
    END IF;
    RETURN nullif(array_to_string(words, '; '), '');
END $$;

COMMENT ON FUNCTION ops.obstacle_words(message public.messages_out, due timestamp with time zone) IS 'What keeps a queued message from being claimed: pauses, an outage just over, breakers, no sender, a rate. NULL: nothing.';

CREATE FUNCTION ops.oldest_snapshot(OUT seconds numeric, OUT held_by text, OUT hidden bigint) RETURNS record
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
    WITH holders (begun_at, who) AS (
        SELECT a.xact_start, format('%s (pid %s, %s)', coalesce(nullif(a.application_name, ''), 'a session'), a.pid, a.state)
        FROM pg_stat_activity AS a
        WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.backend_type IS DISTINCT FROM 'autovacuum worker'
          AND (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL)
        UNION ALL
        SELECT p.prepared, format('prepared transaction %s', p.gid) FROM pg_prepared_xacts AS p WHERE p.database = current_database())
    SELECT round(coalesce(greatest(extract(epoch FROM clock_timestamp() - min(h.begun_at)), 0), 0), 1),
           -- What ends within a moment is nobody's fault.
           (array_agg(h.who ORDER BY h.begun_at) FILTER (WHERE h.begun_at < clock_timestamp() - interval '0.1 s'))[1],
           count(*) FILTER (WHERE h.begun_at IS NULL)
    FROM holders AS h
$$;

COMMENT ON FUNCTION ops.oldest_snapshot(OUT seconds numeric, OUT held_by text, OUT hidden bigint) IS 'How old the oldest snapshot of this database is, and who has it, from a tenth of a second on. While it stands, no dead row is removed and queues become slow.';

CREATE FUNCTION ops.outgoing_words(message public.messages_out) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $_$
DECLARE
    changed_at timestamptz := message.updated_at AT TIME ZONE 'UTC';
    letter text := (SELECT d.id FROM dead_letter_jobs AS d
                    WHERE d.job_type = 'message_out' AND d.payload ->> 'message_out_id' = message.id AND d.resolved_at IS NULL
                    ORDER BY d.created_at DESC LIMIT 1);
BEGIN
    CASE message.status
    WHEN 'sent' THEN
        RETURN format('was sent at %s%s%s; %s', ops.moment(coalesce(message.sent_at, changed_at)), coalesce(' from ' || ops.masked(message.sent_from), ''),
            coalesce(' as ' || message.provider_message_id, ''),
            CASE WHEN message.read_at IS NOT NULL THEN 'it was read at ' || ops.moment(message.read_at)
                 WHEN message.undelivered_at IS NOT NULL
                 THEN format('but it could not be delivered, as Twilio told at %s: %s%s', ops.moment(message.undelivered_at),
                             coalesce(ops.masked_text(message.last_error), 'without a reason'),
                             CASE WHEN letter IS NOT NULL THEN format('; SELECT ops.retry_dead_letter(%s) writes it once more', ops.sql_word(letter)) ELSE '' END)
                 WHEN message.delivered_at IS NOT NULL THEN 'it was delivered at ' || ops.moment(message.delivered_at)
                 WHEN message.delivery_status IS NOT NULL THEN 'the last that Twilio told of it is ' || message.delivery_status
                 ELSE 'Twilio has not told yet what became of it' END);
    WHEN 'dead' THEN
        RETURN format('was given up at %s after %s: %s%s', ops.moment(changed_at), ops.attempts_words(message.attempts),
                      coalesce(ops.masked_text(message.last_error), 'it was not said why'),
                      CASE WHEN letter IS NOT NULL
                           THEN format('; nothing more happens unless a person retries it: SELECT ops.retry_dead_letter(%s)', ops.sql_word(letter))
                           ELSE '; its dead letter was discarded' END);
    WHEN 'blocked' THEN
        RETURN format('was blocked at %s, since its recipient said STOP to this shop; it is never sent, also not after a START', ops.moment(changed_at));
    WHEN 'expired' THEN
        RETURN format('expired at %s: it was not sent before its expires_at, and is not sent any more%s', ops.moment(coalesce(message.expires_at, changed_at)),
                      CASE WHEN message.attempts > 0 THEN format(' (after %s)', ops.attempts_words(message.attempts)) ELSE '' END);
    WHEN 'canceled' THEN
        RETURN format('was taken back at %s%s; it is not sent any more', ops.moment(changed_at),
                      coalesce(', saying: ' || ops.masked_text(substring(message.last_error FROM '^canceled: (.*)$')), ''));
    ELSE
        RETURN ops.waiting_words(message);
    END CASE;
END $_$;

COMMENT ON FUNCTION ops.outgoing_words(message public.messages_out) IS 'What became of an outgoing message, without its subject.';

CREATE FUNCTION ops.pause_id(scope text, id text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $_$
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
END $_$;

COMMENT ON FUNCTION ops.pause_id(scope text, id text) IS 'The row of a scope and an id, checked; part of ops.pause_sending.';

CREATE FUNCTION ops.pause_sending(scope text DEFAULT 'all'::text, id text DEFAULT NULL::text, reason text DEFAULT NULL::text, by text DEFAULT NULL::text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $_$
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
END $_$;

COMMENT ON FUNCTION ops.pause_sending(scope text, id text, reason text, by text) IS 'Sends nothing more for all, one tenant (by id, or name where one tenant has it) or one sender (by number) until it is resumed. Uses no attempts.';

CREATE FUNCTION ops.person_meant(words text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT
    SET search_path TO 'public', 'pg_temp'
    AS $_$
    SELECT CASE WHEN b.number ~ '^\+[1-9][0-9]{7,14}$' THEN b.number
                WHEN b.bare ~ '^[A-Z]{2}\.(ENT\.)?[0-9A-Za-z]{4,}$' THEN b.bare END
    FROM (SELECT a.bare, regexp_replace(regexp_replace(a.bare, '[ ().\u00a0\u2009\u202f/-]', '', 'g'), '^00', '+') AS number
          FROM (SELECT pgcourier_bare_address(words) AS bare) AS a) AS b
$_$;

COMMENT ON FUNCTION ops.person_meant(words text) IS 'The number or user id that is meant by what somebody typed; NULL: it is neither.';

CREATE FUNCTION ops.queue_again(message public.messages_out, due timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS void
    LANGUAGE sql
    SET search_path TO 'public', 'pg_temp'
    AS $_$
    INSERT INTO outbox_queue (seq, message_id, tenant_id, recipient, due_at, expires_at, is_retry)
    VALUES (($1).seq, ($1).id, ($1).tenant_id, ($1)."to", least(coalesce($2, clock_timestamp()), ($1).expires_at),
            ($1).expires_at, $2 IS NOT NULL)
    ON CONFLICT (seq) DO NOTHING;
    SELECT pg_notify('messages_out', '');
$_$;

COMMENT ON FUNCTION ops.queue_again(message public.messages_out, due timestamp with time zone) IS 'Puts a message into the queue; part of the functions that act.';

CREATE FUNCTION ops.release_message(message_id text, by text DEFAULT NULL::text, reason text DEFAULT NULL::text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
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
    PERFORM ops.log_act('message_released', 'message_out', message.id, message.tenant_id, message.correlation_id, reason, by);
    RETURN format('message %s is due now', message.id);
END $$;

COMMENT ON FUNCTION ops.release_message(message_id text, by text, reason text) IS 'Sends a message that was held for a person.';

CREATE FUNCTION ops.reroute(number text DEFAULT NULL::text, event bigint DEFAULT NULL::bigint, reason text DEFAULT NULL::text, by text DEFAULT NULL::text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $_$
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
END $_$;

COMMENT ON FUNCTION ops.reroute(number text, event bigint, reason text, by text) IS 'Routes again what is stored: the unrouted messages of a number, or one event (also one that was given up). What is routed already stays as it is.';

CREATE FUNCTION ops.reroute_event(event bigint, reason text, by text) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

COMMENT ON FUNCTION ops.reroute_event(event bigint, reason text, by text) IS 'Queues one stored event for routing; part of ops.reroute.';

CREATE FUNCTION ops.resume_sending(scope text DEFAULT 'all'::text, id text DEFAULT NULL::text, reason text DEFAULT NULL::text, by text DEFAULT NULL::text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $_$
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
END $_$;

COMMENT ON FUNCTION ops.resume_sending(scope text, id text, reason text, by text) IS 'Goes on with what ops.pause_sending has paused.';

CREATE FUNCTION ops.retry_dead_letter(dead_letter_id text, by text DEFAULT NULL::text, reason text DEFAULT NULL::text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    letter dead_letter_jobs;
    done record;
BEGIN
    letter := ops.letter_locked(ops.dead_letter_named(dead_letter_id));
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

CREATE FUNCTION ops.retry_dead_letters(tenant text DEFAULT NULL::text, code integer DEFAULT NULL::integer, since timestamp with time zone DEFAULT NULL::timestamp with time zone, until timestamp with time zone DEFAULT NULL::timestamp with time zone, everything boolean DEFAULT false, per_second double precision DEFAULT NULL::double precision, reason text DEFAULT NULL::text, by text DEFAULT NULL::text, dry_run boolean DEFAULT false, job_type text DEFAULT NULL::text, letter_reason text DEFAULT NULL::text, ids text[] DEFAULT NULL::text[], most integer DEFAULT 10000) RETURNS TABLE(dead_letter_id text, entity_id text, due_at timestamp with time zone, is_done boolean, words text)
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
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
    FOR one IN SELECT f.id, f.entity_id
               FROM ops.find_dead_letters(tenant, code, since, until, everything, job_type, letter_reason, ids, most) AS f LOOP
        dead_letter_id := one.id;
        entity_id := one.entity_id;
        due_at := start + coalesce(place / per_second, 0) * interval '1 s';
        is_done := NOT dry_run;
        words := 'would be done again';
        IF NOT dry_run THEN
            letter := ops.letter_locked(one.id);
            CONTINUE WHEN letter.id IS NULL OR letter.resolved_at IS NOT NULL;  -- somebody else was faster
            done := ops.do_again(letter, CASE WHEN per_second IS NOT NULL THEN due_at END, reason, by);
            is_done := done.is_done;
            words := done.words;
        END IF;
        -- What cannot be done leaves no gap.
        place := place + (dry_run OR is_done)::integer;
        RETURN NEXT;
    END LOOP;
END $$;

COMMENT ON FUNCTION ops.retry_dead_letters(tenant text, code integer, since timestamp with time zone, until timestamp with time zone, everything boolean, per_second double precision, reason text, by text, dry_run boolean, job_type text, letter_reason text, ids text[], most integer) IS 'Retries the dead letters of a tenant, an error code, a time, a job type or a reason, or those with these ids, in their order; with per_second at that rate, with dry_run only shows which. The oldest `most` at once, 10,000 by itself and at most: call it again for the rest; with since, to leave out those that cannot be done again.';

CREATE FUNCTION ops.secure_function(name regprocedure, is_definer boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    home text := (SELECT c.relnamespace::regnamespace::text FROM pg_class AS c WHERE c.oid = 'messages_out'::regclass);
    wanted text := format('search_path=%s, pg_temp', home);
BEGIN
    IF NOT EXISTS (SELECT FROM pg_proc AS p WHERE p.oid = name AND p.prosecdef = is_definer AND wanted = ANY (p.proconfig)) THEN
        EXECUTE format('ALTER FUNCTION %s %s SET search_path = %s, pg_temp', name,
                       CASE WHEN is_definer THEN 'SECURITY DEFINER' ELSE 'SECURITY INVOKER' END, home);
    END IF;
END $$;

COMMENT ON FUNCTION ops.secure_function(name regprocedure, is_definer boolean) IS 'Makes a function find its tables in their own schema only; with is_definer it runs with the rights of its owner.';

CREATE FUNCTION ops.settle_unknown(message_id text, was_sent boolean, by text DEFAULT NULL::text, reason text DEFAULT NULL::text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

COMMENT ON FUNCTION ops.settle_unknown(message_id text, was_sent boolean, by text, reason text) IS 'What a person found out about a message of unknown outcome: sent, or surely not (it is then due again).';

CREATE FUNCTION ops.shell_word(word text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN (word ~ '^[A-Za-z0-9_+:./@][A-Za-z0-9_+:./@-]*$'::text) THEN word WHEN (NOT ops.has_hidden(word)) THEN ((''''::text || replace(word, ''''::text, '''\'''''::text)) || ''''::text) ELSE (('$'''::text || (SELECT string_agg(CASE WHEN (c.one = '\'::text) THEN '\\'::text WHEN ((c.one <> ''''::text) AND (NOT ops.has_hidden(c.one))) THEN c.one WHEN (ascii(c.one) < 128) THEN concat('\', (ascii(c.one) >> 6), ((ascii(c.one) >> 3) & 7), (ascii(c.one) & 7)) ELSE encode(convert_to(c.one, 'UTF8'::name), 'escape'::text) END, ''::text ORDER BY c.place) AS string_agg FROM regexp_split_to_table(shell_word.word, ''::text) WITH ORDINALITY c(one, place))) || ''''::text) END;

COMMENT ON FUNCTION ops.shell_word(word text) IS 'A text as one word of a shell''s command line.';

CREATE FUNCTION ops.shell_argument(word text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (CASE WHEN (word ~~ '-%'::text) THEN '-- '::text ELSE ''::text END || ops.shell_word(word));

COMMENT ON FUNCTION ops.shell_argument(word text) IS 'A text as the last word of a shell''s command line, and never as an option.';

CREATE FUNCTION ops.shell_option(name text, word text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (((' --'::text || name) || CASE WHEN (word ~~ '-%'::text) THEN '='::text ELSE ' '::text END) || ops.shell_word(word));

COMMENT ON FUNCTION ops.shell_option(name text, word text) IS 'An option of a shell''s command line with its value.';

CREATE FUNCTION ops.sql_word(word text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN (NOT ops.has_hidden(word)) THEN quote_literal(word) ELSE (('U&'''::text || (SELECT string_agg(CASE WHEN (c.one = ANY (ARRAY[''''::text, '\'::text])) THEN (c.one || c.one) WHEN (NOT ops.has_hidden(c.one)) THEN c.one WHEN (ascii(c.one) < 65536) THEN ('\'::text || lpad(to_hex(ascii(c.one)), 4, '0'::text)) ELSE ('\+'::text || lpad(to_hex(ascii(c.one)), 6, '0'::text)) END, ''::text ORDER BY c.place) AS string_agg FROM regexp_split_to_table(sql_word.word, ''::text) WITH ORDINALITY c(one, place))) || ''''::text) END;

COMMENT ON FUNCTION ops.sql_word(word text) IS 'A text as a literal of SQL, on one line, without characters that a terminal obeys.';

CREATE FUNCTION ops.tenant_named(tenant text) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

COMMENT ON FUNCTION ops.tenant_named(tenant text) IS 'The id of the tenant that an id or a name means; part of the functions that act.';

CREATE FUNCTION ops.trace(id text) RETURNS TABLE(at timestamp with time zone, what text, entity text, detail text, ms_since_previous numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $_$
DECLARE
    correlations text[] := ARRAY(SELECT c.id FROM ops.correlations($1) AS c (id));
    outgoing text[] := ARRAY(SELECT x.id FROM (SELECT m.id FROM messages_out AS m WHERE m.correlation_id = ANY (correlations) LIMIT 1000) AS x
                             UNION SELECT m.id FROM messages_out AS m WHERE m.id = $1
                             UNION SELECT m.id FROM messages_out AS m WHERE m.provider_message_id = $1);
    logged text[] := ARRAY(SELECT l.id FROM event_log AS l WHERE l.correlation_id = ANY (correlations) LIMIT 5000);
    incoming text[];
    events bigint[];
BEGIN
    incoming := ARRAY(SELECT l.entity_id FROM event_log AS l WHERE l.id = ANY (logged) AND l.entity_type = 'message_in'
                      UNION SELECT $1);
    events := ARRAY(
        SELECT m.event_id FROM messages_in AS m WHERE m.id = ANY (incoming) AND m.event_id IS NOT NULL
        UNION SELECT l.entity_id::bigint FROM event_log AS l
              WHERE l.id = ANY (logged) AND l.entity_type = 'webhook_event' AND l.entity_id ~ '^[0-9]{1,18}$'
        UNION SELECT e.id FROM webhook_events AS e WHERE e.key = 'msg:' || $1
        UNION SELECT e.id FROM webhook_events AS e WHERE e.id = CASE WHEN $1 ~ '^[0-9]{1,18}$' THEN $1::bigint END
        -- Callbacks of these messages that are not routed yet; those that are stand in delivery_events.
        UNION SELECT q.id
              FROM (SELECT m.provider_message_id AS sid FROM messages_out AS m WHERE m.id = ANY (outgoing)) AS m
              CROSS JOIN LATERAL (SELECT e.id FROM webhook_events AS e
                                  WHERE e.key >= 'status:' || m.sid || ':' AND e.key < 'status:' || m.sid || ';'
                                  ORDER BY e.key LIMIT 100) AS e
              CROSS JOIN LATERAL (SELECT x.id FROM webhook_queue AS x WHERE x.id = e.id OFFSET 0) AS q);
    IF events = '{}' AND outgoing = '{}' THEN
        -- No index knows an event that waits by its correlation id: it is looked for among those that wait.
        events := ARRAY(SELECT e.id
                        FROM (SELECT x.id FROM webhook_queue AS x ORDER BY x.id LIMIT 10000) AS q
                        CROSS JOIN LATERAL (SELECT x.id, x.correlation_id FROM webhook_events AS x WHERE x.id = q.id OFFSET 0) AS e
                        WHERE e.correlation_id = $1);
    END IF;
    RETURN QUERY
    WITH happened (at, place, what, entity, detail) AS (
        SELECT e.received_at, 1, 'received', 'webhook_event ' || e.id,
               concat_ws(', ', e.kind || ' by ' || e.source, 'from ' || ops.masked(nullif(e."from", '')), q.words)
        FROM webhook_events AS e
        LEFT JOIN LATERAL (
            SELECT 'waits to be routed' || CASE WHEN x.attempts > 0 THEN ' after ' || x.attempts || ' failures' ELSE '' END AS words
            FROM webhook_queue AS x WHERE x.id = e.id OFFSET 0) AS q ON true
        WHERE e.id = ANY (events)
        UNION ALL
        SELECT o.created_at AT TIME ZONE 'UTC', 1, 'written to messages_out', 'message_out ' || o.id,
               concat_ws(', ', 'for ' || ops.masked(o."to"), 'not before ' || to_char(o.send_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'))
        FROM messages_out AS o WHERE o.id = ANY (outgoing)
        UNION ALL
        SELECT l.created_at AT TIME ZONE 'UTC', 2, l.event_type, l.entity_type || coalesce(' ' || l.entity_id, ''),
               concat_ws(', ', i.words, ops.event_words(l.payload))
        FROM event_log AS l
        LEFT JOIN LATERAL (
            SELECT coalesce('from a ' || x.message_type, 'no tenant has the number') AS words
            FROM messages_in AS x
            WHERE x.id = l.entity_id AND l.entity_type = 'message_in' AND l.event_type = 'webhook_received' OFFSET 0) AS i ON true
        WHERE l.id = ANY (logged)
        UNION ALL
        SELECT i.handled_at, 3, 'handled by the shop', 'message_in ' || i.id, NULL
        FROM messages_in AS i WHERE i.id = ANY (incoming) AND i.handled_at IS NOT NULL
        UNION ALL
        SELECT l.claimed_at, 3, 'claimed', 'message_out ' || o.id,
               concat_ws(', ', 'attempt ' || l.attempt, 'by ' || coalesce(i.host || ' pid ' || i.pid, 'instance ' || l.instance_id),
                         CASE WHEN l.unknown_since IS NULL
                              THEN 'until ' || to_char(l.expires_at AT TIME ZONE 'UTC', 'HH24:MI:SS "UTC"') END)
        FROM (SELECT m.id, m.seq, m.tenant_id, m."to" FROM messages_out AS m WHERE m.id = ANY (outgoing)) AS o
        CROSS JOIN LATERAL (
            SELECT x.claimed_at, x.attempt, x.instance_id, x.unknown_since, x.expires_at FROM outbox_leases AS x
            WHERE x.tenant_id = o.tenant_id AND x.recipient = o."to" AND x.seq = o.seq OFFSET 0) AS l
        LEFT JOIN instances AS i ON i.id = l.instance_id
        UNION ALL
        SELECT d.received_at, 4, 'callback: ' || d.status, 'message_out ' || o.id,
               concat_ws(', ', 'error ' || d.error_code, CASE WHEN d.settled_at IS NULL THEN 'not taken over yet' END)
        FROM (SELECT m.id, m.provider_message_id AS sid FROM messages_out AS m WHERE m.id = ANY (outgoing)) AS o
        CROSS JOIN LATERAL (
            SELECT x.received_at, x.status, x.error_code, x.settled_at FROM delivery_events AS x
            WHERE x.provider_message_id = o.sid LIMIT 100) AS d
        UNION ALL
        SELECT d.created_at AT TIME ZONE 'UTC', 5, 'waits as a dead letter', 'dead_letter ' || d.id, ops.masked_text(d.error_message)
        FROM (SELECT x.id, x.created_at, x.error_message FROM dead_letter_jobs AS x
              WHERE x.job_type = 'message_out' AND x.payload ->> 'message_out_id' = ANY (outgoing) AND x.resolved_at IS NULL
              UNION ALL
              SELECT x.id, x.created_at, x.error_message FROM dead_letter_jobs AS x
              WHERE x.job_type = 'webhook_event' AND x.payload ->> 'webhook_event_id' = ANY (events::text[]) AND x.resolved_at IS NULL) AS d
        UNION ALL
        SELECT NULL, 6, 'more', NULL, 'of an id with so much, 1,000 messages and 5,000 events are shown and not the rest: ask for the id of one message'
        WHERE cardinality(outgoing) >= 1000 OR cardinality(logged) >= 5000)
    SELECT h.at, h.what, h.entity, nullif(h.detail, ''),
           round((extract(epoch FROM h.at - lag(h.at) OVER (ORDER BY h.at, h.place, h.entity)) * 1000)::numeric, 1)
    FROM happened AS h ORDER BY h.at, h.place, h.entity;
END $_$;

COMMENT ON FUNCTION ops.trace(id text) IS 'All that happened to one correlation id, message id, provider id, event id or dead letter id, in order, with the time between: SELECT * FROM ops.trace(id). At most 1,000 messages and 5,000 events; a last row without a time says when there are more.';

CREATE FUNCTION ops.unfinished_migrations() RETURNS text[]
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
        DECLARE
            names text[];
        BEGIN
            SELECT array_agg(m.name ORDER BY m.name) INTO names FROM pgcourier_migrations AS m WHERE m.name > '20261128090200_guarded_recipients';
            IF to_regclass('_prisma_migrations') IS NOT NULL THEN
                SELECT names || array_agg(p.migration_name::text ORDER BY p.migration_name) INTO names
                FROM _prisma_migrations AS p WHERE p.finished_at IS NULL AND p.rolled_back_at IS NULL;
            END IF;
            RETURN coalesce(names, '{}');
        END $$;

COMMENT ON FUNCTION ops.unfinished_migrations() IS 'Migrations that Prisma began and did not end, and those that came after this schema ops was made: pgcourier migrate up.';

CREATE FUNCTION ops.utc(moment timestamp with time zone) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN to_char((moment AT TIME ZONE 'UTC'::text), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'::text);

COMMENT ON FUNCTION ops.utc(moment timestamp with time zone) IS 'A time as programs read it: 2026-02-08T10:00:00.123Z.';

CREATE FUNCTION ops.waiting_words(message public.messages_out, is_the_one_before boolean DEFAULT false) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    queued outbox_queue;
    lease outbox_leases;
    before outbox_queue;
    other messages_out;
    who text;
    said text;
    obstacles text;
    ahead bigint;
BEGIN
    SELECT q.* INTO queued FROM outbox_queue AS q WHERE q.seq = message.seq;
    SELECT l.* INTO lease FROM outbox_leases AS l WHERE l.tenant_id = message.tenant_id AND l.recipient = message."to";

    IF lease.seq = message.seq THEN
        who := (SELECT format('%s (pid %s on %s)', i.id, i.pid, i.host) FROM instances AS i WHERE i.id = lease.instance_id);
        IF lease.unknown_since IS NULL THEN
            RETURN format('is being sent at this moment: attempt %s, taken at %s by instance %s; %s', lease.attempt, ops.moment(lease.claimed_at),
                          coalesce(who, lease.instance_id || ', which is gone'),
                          CASE WHEN lease.expires_at > now() THEN 'its lease lasts until ' || ops.moment(lease.expires_at)
                               ELSE 'its lease has ended, and its outcome will be found out as soon as a sender sweeps it' END);
        END IF;
        RETURN format('may have been sent: the outcome of attempt %s is unknown since %s: %s; %s', lease.attempt,
                      ops.moment(lease.unknown_since), coalesce(ops.masked_text(message.last_error), 'nobody said why'),
                      CASE WHEN lease.look_at = 'infinity' OR message.held_reason IS NOT NULL
                           THEN format('it is held for a person%s: SELECT ops.settle_unknown(%s, true) when Twilio''s console shows it, else with false',
                                       coalesce(' (' || ops.masked_text(message.held_reason) || ')', ''), ops.sql_word(message.id))
                           ELSE format('a callback settles it, else Twilio''s list, which is looked at %s',
                                       CASE WHEN coalesce(lease.look_at, lease.claimed_at + interval '51 s') > now()
                                            THEN 'next at ' || ops.moment(coalesce(lease.look_at, lease.claimed_at + interval '51 s'))
                                            ELSE 'as soon as a sender is at it' END
                                       || CASE WHEN lease.look_failures > 0 THEN format(' (it did not answer %s times)', lease.look_failures) ELSE '' END)
                      END);
    END IF;
    IF message.held_reason IS NOT NULL THEN
        RETURN format('is held for a person (%s): SELECT ops.release_message(%s) sends it, SELECT ops.cancel_message(%s) does not',
                      ops.masked_text(message.held_reason), ops.sql_word(message.id), ops.sql_word(message.id));
    END IF;
    IF message.status NOT IN ('pending', 'failed') THEN
        RETURN format('is %s and has no lease, which should not be: say so to those who make pgcourier', message.status);
    END IF;
    IF queued.seq IS NULL THEN
        RETURN format('is %s but not in the queue, so that nobody sends it, which should not be: SELECT ops.cancel_message(%s), then insert it again',
                      message.status, ops.sql_word(message.id));
    END IF;

    obstacles := ops.obstacle_words(message, queued.due_at);
    SELECT h.* INTO before FROM outbox_queue AS h
    WHERE h.tenant_id = queued.tenant_id AND h.recipient = queued.recipient AND h.seq < queued.seq
      AND (h.due_at <= now() OR h.is_retry OR h.is_behind)
    ORDER BY h.seq LIMIT 1;

    IF message.send_at > now() AND message.status = 'pending' AND message.attempts = 0 THEN
        said := 'is scheduled: it is due at ' || ops.moment(message.send_at);
    ELSIF NOT is_the_one_before AND lease.seq IS NOT NULL THEN
        SELECT m.* INTO other FROM messages_out AS m WHERE m.id = lease.message_id;
        RETURN format('waits behind message %s to the same person, which %s; it goes as soon as that one is settled%s', other.id,
                      ops.waiting_words(other, true), coalesce('; besides, ' || obstacles, ''));
    ELSIF NOT is_the_one_before AND before.seq IS NOT NULL THEN
        SELECT m.* INTO other FROM messages_out AS m WHERE m.seq = before.seq;
        RETURN format('waits behind message %s to the same person, which %s; it goes as soon as that one is sent or given up', other.id,
                      ops.waiting_words(other, true));
    ELSIF message.attempts > 0 THEN
        said := format('was surely not sent at attempt %s (%s), and attempt %s is due %s', message.attempts,
                       coalesce(ops.masked_text(message.last_error), 'it was not said why'), message.attempts + 1,
                       CASE WHEN queued.due_at > now() THEN 'at ' || ops.moment(queued.due_at) ELSE 'now' END);
    ELSIF queued.due_at > now() THEN
        said := format('is due at %s%s', ops.moment(queued.due_at),
                       coalesce(', put back without using an attempt: ' || ops.masked_text(message.last_error), ''));
    ELSE
        ahead := (SELECT count(*) FROM (SELECT FROM outbox_queue AS q
                                        WHERE q.tenant_id = queued.tenant_id AND (q.due_at, q.seq) < (queued.due_at, queued.seq)
                                        ORDER BY q.due_at, q.seq LIMIT 10000) AS k);
        said := format('is due since %s%s%s', ops.moment(queued.due_at),
                       coalesce(', put back without using an attempt (' || ops.masked_text(message.last_error) || ')', ''),
                       CASE WHEN ahead > 0 THEN format(', behind %s%s of its tenant', CASE WHEN ahead = 10000 THEN 'more than ' ELSE '' END, ahead)
                            ELSE '' END);
    END IF;
    IF obstacles IS NOT NULL THEN
        said := said || '; but ' || obstacles;
    ELSIF queued.due_at <= now() THEN
        said := said || '; a sender takes it at its next look, within seconds';
    END IF;
    RETURN said || CASE WHEN message.expires_at IS NOT NULL AND NOT is_the_one_before THEN '; it expires unsent at ' || ops.moment(message.expires_at)
                        ELSE '' END;
END $$;

COMMENT ON FUNCTION ops.waiting_words(message public.messages_out, is_the_one_before boolean) IS 'Why a message that is not finished has not been sent, without its subject.';

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
    IF NEW."to" ~ '^\+[1-9][0-9]*$' AND octet_length(NEW."to") BETWEEN 9 AND 16 AND octet_length(NEW.body) BETWEEN 1 AND 1600
       AND NEW.status = 'pending' AND NEW.on_duplicate = 'refuse'
       AND pg_catalog.num_nonnulls(NEW.media_url, NEW.content_sid, NEW.content_variables, NEW.send_at, NEW.expires_at, NEW.dedupe_key,
                        NEW.next_attempt_at) = 0 THEN
        IF current_setting('TimeZone') NOT IN ('UTC', 'Etc/UTC') THEN
            NEW.created_at := public.pgcourier_utc_if_now(NEW.created_at);
            NEW.updated_at := public.pgcourier_utc_if_now(NEW.updated_at);
        END IF;
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

CREATE FUNCTION public.pgcourier_delete_alone(from_table text, place tid) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    IF clock_timestamp() > statement_timestamp() + interval '1 s' THEN
        RETURN 'there was no time to try them all';
    END IF;
    CASE from_table
        WHEN 'dead_letter_jobs' THEN DELETE FROM dead_letter_jobs AS r WHERE r.ctid = place;
        WHEN 'messages_in' THEN DELETE FROM messages_in AS r WHERE r.ctid = place;
        WHEN 'messages_out' THEN DELETE FROM messages_out AS r WHERE r.ctid = place;
        WHEN 'delivery_events' THEN DELETE FROM delivery_events AS r WHERE r.ctid = place;
        WHEN 'webhook_events' THEN DELETE FROM webhook_events AS r WHERE r.ctid = place;
        WHEN 'event_log' THEN DELETE FROM event_log AS r WHERE r.ctid = place;
    END CASE;
    RETURN CASE WHEN NOT FOUND THEN 'a trigger kept it' END;
EXCEPTION WHEN OTHERS THEN
    RETURN regexp_replace(SQLERRM, '\+?[0-9]{7,}', '…', 'g');  -- a trigger's words may have a number in them
END $$;

COMMENT ON FUNCTION public.pgcourier_delete_alone(from_table text, place tid) IS 'Deletes one row, by its place, of a table that retention deletes from. Returns NULL, or why it could not.';

CREATE FUNCTION public.pgcourier_erased_address(tenant text, address text) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN ('erased:'::text || encode(sha256(convert_to(((tenant || ' '::text) || address), 'UTF8'::name)), 'hex'::text));

COMMENT ON FUNCTION public.pgcourier_erased_address(tenant text, address text) IS 'What stands in opt_outs for an address that was erased.';

CREATE FUNCTION public.pgcourier_guard_place() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    RAISE EXCEPTION 'messages_out: a message that waits or is being sent keeps its recipient and its tenant'
        USING ERRCODE = 'check_violation',
              HINT = format('Take it back, SELECT ops.cancel_message(%L), and insert another one.', OLD.id);
END $$;

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
              HINT = CASE
                  WHEN OLD.status = 'dead' OR OLD.status = 'sent' AND OLD.undelivered_at IS NOT NULL
                  THEN format('Its dead letter is retried with SELECT ops.retry_dead_letter(id) FROM ops.dead_letters WHERE entity_id = %L, or discarded with ops.discard_dead_letter(id).', OLD.id)
                  WHEN OLD.status = 'sent' THEN 'It was sent: to send it once more, insert it again.'
                  WHEN OLD.status = 'unknown'
                  THEN format('Say what became of it: SELECT ops.settle_unknown(%L, true) when it was sent, else with false.', OLD.id)
                  WHEN OLD.status = 'sending' THEN format('It is being sent: SELECT ops.explain(%L).', OLD.id)
                  WHEN OLD.status IN ('pending', 'failed') AND OLD.held_reason IS NOT NULL
                  THEN format('It is held: SELECT ops.release_message(%L) sends it, SELECT ops.cancel_message(%L) does not.', OLD.id, OLD.id)
                  WHEN OLD.status IN ('pending', 'failed')
                  THEN format('SELECT ops.cancel_message(%L) takes it back, SELECT ops.pause_sending(''tenant'', %L) pauses its tenant, SELECT ops.explain(%L) says why it was not sent yet.', OLD.id, OLD.tenant_id, OLD.id)
                  ELSE 'It is finished: to send it after all, insert it again.' END;
END $$;

CREATE FUNCTION public.pgcourier_guard_tenant() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    IF EXISTS (SELECT FROM outbox_queue AS q WHERE q.tenant_id = OLD.id)
       OR EXISTS (SELECT FROM outbox_leases AS l WHERE l.tenant_id = OLD.id) THEN
        RAISE EXCEPTION 'tenants: messages of % wait or are being sent, under this id', OLD.id
            USING ERRCODE = 'check_violation',
                  HINT = 'Its id can be changed while none is: SELECT id, status FROM ops.outbox.';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION public.pgcourier_is_due_again(queued bigint, due timestamp with time zone, expires timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
    BEGIN
        IF expires IS NULL THEN
            UPDATE public.outbox_queue AS q SET expires_at = m.expires_at, due_at = least(q.due_at, m.expires_at)
            FROM public.messages_out AS m
            WHERE q.seq = queued AND m.seq = q.seq AND m.expires_at IS NOT NULL;
        END IF;
        RETURN due <= clock_timestamp();
    END $$;

COMMENT ON FUNCTION public.pgcourier_is_due_again(queued bigint, due timestamp with time zone, expires timestamp with time zone) IS 'Gives what was put back into the queue its expires_at; whether it is due now.';

CREATE FUNCTION public.pgcourier_keep_former_number() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    DELETE FROM former_numbers WHERE left_at < clock_timestamp() - interval '1 year';
    INSERT INTO former_numbers (number, left_at)
    VALUES (OLD.whatsapp_phone_number, clock_timestamp())
    ON CONFLICT (number) DO UPDATE SET left_at = excluded.left_at;
    RETURN NULL;
EXCEPTION WHEN insufficient_privilege THEN  -- whoever may change a tenant still may
    RETURN NULL;
END $$;

CREATE FUNCTION public.pgcourier_masked_scope(scope text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN (scope ~ '^sender:\+[1-9][0-9]{7,14}$'::text) THEN (("left"(scope, 11) || '…'::text) || "right"(scope, 2)) ELSE scope END;

COMMENT ON FUNCTION public.pgcourier_masked_scope(scope text) IS 'A scope without the whole number: sender:+336…78.';

CREATE FUNCTION public.pgcourier_normalise_message_in() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    NEW."from" := pgcourier_bare_address(NEW."from");
    NEW."to" := pgcourier_bare_address(NEW."to");
    IF NEW.tenant_id IS NOT NULL AND NEW.message_type IS NULL THEN
        NEW.message_type := CASE WHEN EXISTS (SELECT FROM seller_phones AS p
                                              WHERE p.tenant_id = NEW.tenant_id AND p.phone_number = NEW."from") THEN 'seller' ELSE 'client' END;
    END IF;
    RETURN NEW;
END $$;

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
    SET enable_sort TO 'on'
    AS $$
DECLARE
    person text := pgcourier_bare_address(address);
    erased text := pgcourier_erased_address(tenant, person);
    addresses text[];
    newest record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('pgcourier_opt_out'), hashtext(tenant));
    INSERT INTO opt_out_history (tenant_id, phone_number, word, occurred_at, source, event_id)
    VALUES (tenant, person, said, said_at, said_in, event);
    WITH own AS (
        SELECT o.phone_number, o.event_id
        FROM unnest(ARRAY[person, erased]) AS a (address)
        CROSS JOIN LATERAL (
            SELECT h.phone_number, h.event_id FROM opt_out_history AS h
            WHERE h.tenant_id = tenant AND h.phone_number = a.address
            ORDER BY h.occurred_at DESC LIMIT 100) AS o
        UNION
        SELECT person, event)
    SELECT array_agg(DISTINCT known.address) INTO addresses
    FROM (
        SELECT o.phone_number AS address FROM own AS o
        UNION ALL
        SELECT h.phone_number FROM own AS o JOIN opt_out_history AS h ON h.event_id = o.event_id AND h.tenant_id = tenant) AS known;
    SELECT h.word, h.occurred_at INTO newest
    FROM unnest(addresses) AS a (address)
    CROSS JOIN LATERAL (
        SELECT h.word, h.occurred_at, h.id FROM opt_out_history AS h
        WHERE h.tenant_id = tenant AND h.phone_number = a.address
        ORDER BY h.occurred_at DESC, h.id DESC LIMIT 1) AS h
    ORDER BY h.occurred_at DESC, h.id DESC LIMIT 1;

    IF newest.word = 'start' THEN
        DELETE FROM opt_outs AS o
        WHERE o.tenant_id = tenant AND o.phone_number = ANY (addresses || erased)
          AND o.opted_out_at <= (newest.occurred_at AT TIME ZONE 'UTC')::timestamp(3);
        RETURN EXISTS (SELECT FROM opt_outs AS o WHERE o.tenant_id = tenant AND o.phone_number = ANY (addresses || erased));
    END IF;
    INSERT INTO opt_outs (tenant_id, phone_number, opted_out_at, created_at, updated_at)
    SELECT tenant, a.address, newest.occurred_at AT TIME ZONE 'UTC', clock_timestamp() AT TIME ZONE 'UTC',
           clock_timestamp() AT TIME ZONE 'UTC'
    FROM unnest(addresses) AS a (address)
    ON CONFLICT (tenant_id, phone_number) DO UPDATE
    SET opted_out_at = greatest(opt_outs.opted_out_at, excluded.opted_out_at), updated_at = excluded.updated_at;

    PERFORM set_config('pgcourier.act', 'opt_out', true);
    WITH waiting AS MATERIALIZED (
        SELECT q.seq, q.message_id
        FROM outbox_queue AS q
        JOIN messages_out AS m ON m.seq BETWEEN q.seq AND q.seq
        WHERE q.tenant_id = tenant AND q.recipient = ANY (addresses)
        ORDER BY q.seq
        FOR UPDATE OF q SKIP LOCKED FOR NO KEY UPDATE OF m SKIP LOCKED),
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

CREATE FUNCTION public.pgcourier_record_word_elsewhere(tenant text, address text, said text, said_at timestamp with time zone, said_in text, event bigint, correlation text) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    RETURN pgcourier_record_opt_word(tenant, address, said, said_at, said_in, event, correlation);
EXCEPTION WHEN integrity_constraint_violation OR data_exception OR plpgsql_error THEN
    RAISE WARNING 'a word could not be recorded for tenant %: %', tenant, SQLERRM;
    RETURN NULL;
END $$;

COMMENT ON FUNCTION public.pgcourier_record_word_elsewhere(tenant text, address text, said text, said_at timestamp with time zone, said_in text, event bigint, correlation text) IS 'Records a STOP or START for a shop that wrote from a number which is not its own; NULL: it could not be.';

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
    WHERE m.tenant_id IS NULL AND m.message_type IS NULL AND m."to" = NEW.whatsapp_phone_number AND m.event_id IS NOT NULL
      AND EXISTS (SELECT FROM webhook_events AS e WHERE e.id = m.event_id)
    ORDER BY m.event_id
    ON CONFLICT (id) DO NOTHING;
    IF FOUND THEN
        PERFORM pg_notify('pgcourier_events', '');
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.pgcourier_shops_that_wrote(number text, persons text[], word text) RETURNS SETOF text
    LANGUAGE sql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
    -- The newest thousand to each address of the person: a word costs as much, however often somebody was written to.
    SELECT DISTINCT m.tenant_id
    FROM unnest(persons) AS p (address)
    CROSS JOIN LATERAL (
        SELECT o.tenant_id, o.sent_from FROM messages_out AS o
        WHERE o."to" = p.address ORDER BY o.created_at DESC LIMIT 1000) AS m
    CROSS JOIN LATERAL (SELECT s.number AS sends_from FROM tenant_senders AS s WHERE s.tenant_id = m.tenant_id) AS t
    WHERE number = coalesce(m.sent_from, t.sends_from) AND (word = 'stop' OR number = t.sends_from)
      -- A seller cannot opt out.
      AND NOT EXISTS (SELECT FROM seller_phones AS s WHERE s.tenant_id = m.tenant_id AND s.phone_number = ANY (persons));
$$;

COMMENT ON FUNCTION public.pgcourier_shops_that_wrote(number text, persons text[], word text) IS 'The shops that wrote to a person, or are about to, from a number that may not be theirs: a STOP to that number is said to them.';

CREATE FUNCTION public.pgcourier_take_dedupe_key(tenant text, key text, message text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
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
        -- Of all who commit together one wakes; a row that wakes nobody never takes the lock. In parentheses, or its THEN would end the IF.
        IF (CASE WHEN NEW.is_retry AND NOT public.pgcourier_is_due_again(NEW.seq, NEW.due_at, NEW.expires_at) THEN false
                 ELSE pg_try_advisory_xact_lock(hashtext('pgcourier'), hashtext('messages_out')) END) THEN
            PERFORM pg_notify('messages_out', '');
        END IF;
        RETURN NULL;
    END $$;

CREATE TABLE public.backfills (
    id bigint NOT NULL,
    asked_by text NOT NULL,
    is_automatic boolean NOT NULL,
    since timestamp with time zone NOT NULL,
    until timestamp with time zone NOT NULL,
    asked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    sending_waits_until timestamp with time zone,
    due_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    token text,
    instance_id text,
    step text DEFAULT 'words'::text NOT NULL,
    number text DEFAULT ''::text NOT NULL,
    day date,
    reading_until timestamp with time zone,
    covered_until timestamp with time zone,
    fetched bigint DEFAULT 0 NOT NULL,
    with_media bigint DEFAULT 0 NOT NULL,
    without_content bigint DEFAULT 0 NOT NULL,
    media_missing bigint DEFAULT 0 NOT NULL,
    unreadable bigint DEFAULT 0 NOT NULL,
    deliveries bigint DEFAULT 0 NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    last_error text,
    first_pass_at timestamp with time zone,
    ended_at timestamp with time zone,
    media_failures integer DEFAULT 0 NOT NULL,
    CONSTRAINT backfills_step_check CHECK ((step = ANY (ARRAY['words'::text, 'messages'::text, 'deliveries'::text])))
);

COMMENT ON TABLE public.backfills IS 'The gaps for which Twilio''s list was read, or is to be read, and how far that is. Whoever does it is killed: another process goes on.';

COMMENT ON COLUMN public.backfills.asked_by IS 'outage, or the person who gave the command.';

COMMENT ON COLUMN public.backfills.since IS 'From when messages may be missing; until: when receiving went on.';

COMMENT ON COLUMN public.backfills.sending_waits_until IS 'Nothing is sent until each STOP of the gap is known, or until then at the latest; NULL: sending need not wait.';

COMMENT ON COLUMN public.backfills.due_at IS 'When a process may take it; while one has it (token), until when it is that one''s.';

COMMENT ON COLUMN public.backfills.step IS 'words: STOP and START are fetched; then the messages; then what became of sent ones. number, day: where in the step.';

COMMENT ON COLUMN public.backfills.reading_until IS 'Up to which of Twilio''s dates the walk under way reads; that of its beginning, whoever goes on with it.';

COMMENT ON COLUMN public.backfills.covered_until IS 'Twilio''s list was read up to this time of its dates. What is younger than a minute is left to the webhooks at first.';

COMMENT ON COLUMN public.backfills.fetched IS 'Messages that were missing and are there now.';

COMMENT ON COLUMN public.backfills.without_content IS 'Of these, those with neither text nor media: Twilio''s list does not tell what they were, a location or a contact, perhaps.';

COMMENT ON COLUMN public.backfills.media_missing IS 'Of these, those whose media Twilio did not tell any more.';

COMMENT ON COLUMN public.backfills.deliveries IS 'States of sent messages whose callbacks had been missed.';

COMMENT ON COLUMN public.backfills.first_pass_at IS 'When every STOP of the gap was known.';

COMMENT ON COLUMN public.backfills.media_failures IS 'In how many of the failed walks Twilio did not tell media; after some, messages are taken without them.';

CREATE VIEW ops.backfills AS
 SELECT b.id,
    b.asked_by,
    b.since,
    b.until,
        CASE
            WHEN (b.ended_at IS NOT NULL) THEN 'ended'::text
            WHEN (b.failures > 0) THEN 'failing'::text
            WHEN ((b.token IS NOT NULL) AND (b.due_at > now())) THEN 'running'::text
            ELSE 'waiting'::text
        END AS state,
    b.fetched,
    b.with_media,
    b.without_content,
    b.media_missing,
    b.deliveries,
        CASE
            WHEN (b.ended_at IS NULL) THEN b.step
            ELSE NULL::text
        END AS step,
    ops.masked(NULLIF(b.number, ''::text)) AS number,
    b.day,
    b.first_pass_at,
        CASE
            WHEN ((b.sending_waits_until > now()) AND (b.sending_waits_until <= (now() + '00:00:31'::interval))) THEN b.sending_waits_until
            ELSE NULL::timestamp with time zone
        END AS sending_waits_until,
        CASE
            WHEN (b.ended_at IS NULL) THEN b.due_at
            ELSE NULL::timestamp with time zone
        END AS due_at,
    b.failures,
    ops.masked_text(b.last_error) AS last_error,
    b.ended_at
   FROM public.backfills b;

COMMENT ON VIEW ops.backfills IS 'The gaps for which Twilio''s list was read, or is to be read, how far that is and what it found.';

COMMENT ON COLUMN ops.backfills.id IS 'In the order in which they were found.';

COMMENT ON COLUMN ops.backfills.asked_by IS 'outage, or the person who gave the command.';

COMMENT ON COLUMN ops.backfills.since IS 'From when messages may be missing.';

COMMENT ON COLUMN ops.backfills.until IS 'When receiving went on; of a person''s, what was asked for.';

COMMENT ON COLUMN ops.backfills.state IS 'running; waiting for its next walk; failing: Twilio''s list could not be read, and is tried again; ended.';

COMMENT ON COLUMN ops.backfills.fetched IS 'Messages that were missing and are there now.';

COMMENT ON COLUMN ops.backfills.with_media IS 'Of these, those with media.';

COMMENT ON COLUMN ops.backfills.without_content IS 'Of these, those with neither text nor media: a location or a contact, perhaps.';

COMMENT ON COLUMN ops.backfills.media_missing IS 'Of these, those whose media Twilio did not tell any more.';

COMMENT ON COLUMN ops.backfills.deliveries IS 'States of sent messages whose callbacks had been missed.';

COMMENT ON COLUMN ops.backfills.step IS 'words: STOP and START are fetched; then messages; then deliveries, what became of sent ones.';

COMMENT ON COLUMN ops.backfills.number IS 'Where in the step; masked.';

COMMENT ON COLUMN ops.backfills.day IS 'Where in the step, in GMT.';

COMMENT ON COLUMN ops.backfills.first_pass_at IS 'When every STOP of the gap was known.';

COMMENT ON COLUMN ops.backfills.sending_waits_until IS 'Until when at the latest nothing is sent, while not every STOP of it is known.';

COMMENT ON COLUMN ops.backfills.due_at IS 'When a process may take it; while one runs it, until when it is that one''s.';

COMMENT ON COLUMN ops.backfills.failures IS 'In a row.';

COMMENT ON COLUMN ops.backfills.last_error IS 'Why Twilio''s list could not be read.';

COMMENT ON COLUMN ops.backfills.ended_at IS 'When all of it was read.';

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

CREATE TABLE public.event_log (
    id text DEFAULT public.pgcourier_new_id() NOT NULL,
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
    heartbeat_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    refusing_since timestamp with time zone,
    told_at timestamp with time zone,
    default_sender text
);

COMMENT ON TABLE public.instances IS 'The running processes of pgcourier; a row that stays without heartbeat tells of a crash.';

COMMENT ON COLUMN public.instances.refusing_since IS 'Since when it has answered webhooks 503, which is not written down as a gap yet; NULL: it takes them.';

COMMENT ON COLUMN public.instances.told_at IS 'When another process wrote down as a gap what this one, silent since its last heartbeat, may have missed.';

COMMENT ON COLUMN public.instances.default_sender IS 'TWILIO_WHATSAPP_NUMBER of a process that sends; NULL: it has none, or does not send.';

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

CREATE TABLE public.opt_outs (
    id text DEFAULT (gen_random_uuid())::text NOT NULL,
    tenant_id text NOT NULL,
    phone_number text NOT NULL,
    opted_out_at timestamp(3) without time zone DEFAULT (clock_timestamp() AT TIME ZONE 'UTC'::text) NOT NULL,
    created_at timestamp(3) without time zone DEFAULT (clock_timestamp() AT TIME ZONE 'UTC'::text) NOT NULL,
    updated_at timestamp(3) without time zone DEFAULT (clock_timestamp() AT TIME ZONE 'UTC'::text) NOT NULL
);

CREATE TABLE public.outbox_dedupe_keys (
    tenant_id text NOT NULL,
    dedupe_key text NOT NULL,
    message_id text NOT NULL,
    taken_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.outbox_dedupe_keys IS 'The dedupe keys of the last 24 hours, and which message has each.';

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
    look_failures smallint DEFAULT 0 NOT NULL,
    account_sid text
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='10000');

COMMENT ON TABLE public.outbox_leases IS 'The messages in flight, and those whose outcome is unknown: their conversations send nothing else.';

COMMENT ON COLUMN public.outbox_leases.expires_at IS 'A lease that ends unsettled makes its message unknown, never pending: it may have been sent.';

COMMENT ON COLUMN public.outbox_leases.unknown_since IS 'NULL: in flight. Else the message waits to be settled by a callback, by Twilio''s list or by a person.';

COMMENT ON COLUMN public.outbox_leases.sender IS 'The number that it is sent from, as it was when it was claimed; empty: it has none.';

COMMENT ON COLUMN public.outbox_leases.look_at IS 'When a message of unknown outcome is looked up next. NULL: not yet looked up, the first look has its time from claimed_at. infinity: a person decides.';

COMMENT ON COLUMN public.outbox_leases.looks IS 'How many looks Twilio has answered.';

COMMENT ON COLUMN public.outbox_leases.look_failures IS 'How many looks in a row it has not.';

COMMENT ON COLUMN public.outbox_leases.account_sid IS 'The Twilio account that it was claimed for; its list alone tells what became of it.';

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

CREATE TABLE public.webhook_queue (
    id bigint NOT NULL,
    attempts smallint DEFAULT 0 NOT NULL,
    due_at timestamp with time zone,
    is_postponed boolean DEFAULT false NOT NULL
)
WITH (fillfactor='90');

COMMENT ON TABLE public.webhook_queue IS 'What is to be routed. Rows are claimed with SKIP LOCKED and deleted when routed.';

COMMENT ON COLUMN public.webhook_queue.id IS 'The event: webhook_events.id.';

COMMENT ON COLUMN public.webhook_queue.attempts IS 'How often it was tried alone, after it had failed in a batch.';

COMMENT ON COLUMN public.webhook_queue.due_at IS 'NULL: due at once, claimed in the order of ids. Else it waits until then: postponed, or to be tried alone.';

COMMENT ON COLUMN public.webhook_queue.is_postponed IS 'It did not fail: somebody had a row of its shop locked. When it is due it is claimed with the others.';

CREATE VIEW ops.bloat AS
 SELECT b.name AS table_name,
    b.live_rows,
    b.dead_rows,
    round(((100.0 * (b.dead_rows)::numeric) / (NULLIF((b.live_rows + b.dead_rows), 0))::numeric), 1) AS dead_percent,
    pg_size_pretty(b.table_bytes) AS table_size,
    pg_size_pretty(b.index_bytes) AS index_size,
    b.table_bytes,
    b.index_bytes,
    b.vacuumed_at,
    b.analyzed_at,
        CASE
            WHEN ((b.dead_rows > 100000) AND (b.dead_rows > b.live_rows)) THEN 'alert'::text
            WHEN ((b.dead_rows > 20000) AND (b.dead_rows > (b.live_rows / 2))) THEN 'warning'::text
            ELSE 'ok'::text
        END AS state
   FROM ( SELECT t.name,
            pg_stat_get_live_tuples((t.oid)::oid) AS live_rows,
            pg_stat_get_dead_tuples((t.oid)::oid) AS dead_rows,
            pg_table_size(t.oid) AS table_bytes,
            pg_indexes_size(t.oid) AS index_bytes,
            GREATEST(pg_stat_get_last_vacuum_time((t.oid)::oid), pg_stat_get_last_autovacuum_time((t.oid)::oid)) AS vacuumed_at,
            GREATEST(pg_stat_get_last_analyze_time((t.oid)::oid), pg_stat_get_last_autoanalyze_time((t.oid)::oid)) AS analyzed_at
           FROM ( VALUES ('webhook_events'::text,'public.webhook_events'::regclass), ('webhook_queue'::text,'public.webhook_queue'::regclass), ('messages_in'::text,'public.messages_in'::regclass), ('messages_out'::text,'public.messages_out'::regclass), ('outbox_queue'::text,'public.outbox_queue'::regclass), ('outbox_leases'::text,'public.outbox_leases'::regclass), ('outbox_scopes'::text,'public.outbox_scopes'::regclass), ('outbox_dedupe_keys'::text,'public.outbox_dedupe_keys'::regclass), ('delivery_events'::text,'public.delivery_events'::regclass), ('event_log'::text,'public.event_log'::regclass), ('dead_letter_jobs'::text,'public.dead_letter_jobs'::regclass), ('opt_outs'::text,'public.opt_outs'::regclass), ('opt_out_history'::text,'public.opt_out_history'::regclass), ('instances'::text,'public.instances'::regclass)) t(name, oid)) b;

COMMENT ON VIEW ops.bloat IS 'How large the tables are and how much of them is dead rows. Much of it: SELECT * FROM ops.oldest_snapshot(), end who has it, then VACUUM the table.';

COMMENT ON COLUMN ops.bloat.table_name IS 'The table.';

COMMENT ON COLUMN ops.bloat.live_rows IS 'Rows, as PostgreSQL''s statistics count them.';

COMMENT ON COLUMN ops.bloat.dead_rows IS 'Rows that are deleted or replaced and not yet removed.';

COMMENT ON COLUMN ops.bloat.dead_percent IS 'The dead ones'' share.';

COMMENT ON COLUMN ops.bloat.table_size IS 'Of the table and what it holds out of line.';

COMMENT ON COLUMN ops.bloat.index_size IS 'Of its indexes.';

COMMENT ON COLUMN ops.bloat.table_bytes IS 'The same in bytes.';

COMMENT ON COLUMN ops.bloat.index_bytes IS 'The same in bytes.';

COMMENT ON COLUMN ops.bloat.vacuumed_at IS 'When dead rows were last removed, by itself or by hand.';

COMMENT ON COLUMN ops.bloat.analyzed_at IS 'When its statistics were last made.';

COMMENT ON COLUMN ops.bloat.state IS 'alert: more dead rows than others, and more than 100,000; warning: half as many, and more than 20,000.';

CREATE VIEW ops.breakers AS
 SELECT public.pgcourier_masked_scope(s.scope) AS scope,
        CASE
            WHEN (s.opened_at IS NULL) THEN 'closed'::text
            WHEN ((s.scope ~~ 'credentials:%'::text) AND (s.probe_at < (now() - '00:01:00'::interval)) AND (s.opened_at < ( SELECT max(o.last_success_at) AS max
               FROM public.outbox_scopes o
              WHERE ((o.scope ~~ 'credentials:%'::text) AND (o.opened_at IS NULL))))) THEN 'replaced'::text
            ELSE 'open'::text
        END AS state,
    ops.masked_text(s.reason) AS reason,
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

COMMENT ON COLUMN ops.breakers.scope IS 'provider, credentials:<fingerprint> or sender:<number, masked>.';

COMMENT ON COLUMN ops.breakers.state IS 'closed: it works; open: nothing of it is sent but probes; replaced: credentials that others have taken the place of, gone in ten minutes.';

COMMENT ON COLUMN ops.breakers.reason IS 'What opened it.';

COMMENT ON COLUMN ops.breakers.error_code IS 'Twilio''s code of that.';

COMMENT ON COLUMN ops.breakers.opened_at IS 'Since when it is open.';

COMMENT ON COLUMN ops.breakers.next_probe_at IS 'When the next message may be sent to see whether it works again.';

COMMENT ON COLUMN ops.breakers.failed_probes IS 'Probes that failed since it opened.';

COMMENT ON COLUMN ops.breakers.failures IS 'Failures in a row since the last success; three open the provider''s or a sender''s.';

COMMENT ON COLUMN ops.breakers.calls_at_once IS 'NULL: no limit. Else it has just begun, or goes on after a failure: doubled with each success.';

COMMENT ON COLUMN ops.breakers.last_success_at IS 'When it last worked, to within 15 s.';

CREATE VIEW ops.dead_letter_reasons AS
 SELECT d.job_type,
    ops.masked_text(d.error_message) AS reason,
    count(*) AS dead_letters,
    min(d.created_at) AS first_at,
    max(d.created_at) AS last_at,
    (array_agg(d.id ORDER BY d.created_at DESC))[1] AS example
   FROM ( SELECT x.id,
            x.job_type,
            x.error_message,
            x.created_at
           FROM public.dead_letter_jobs x
          WHERE (x.resolved_at IS NULL)
          ORDER BY x.created_at DESC
         LIMIT 10000) d
  GROUP BY d.job_type, d.error_message;

COMMENT ON VIEW ops.dead_letter_reasons IS 'The dead letters that nobody resolved, grouped by why; of more than 10,000 the newest.';

COMMENT ON COLUMN ops.dead_letter_reasons.job_type IS 'message_out or webhook_event.';

COMMENT ON COLUMN ops.dead_letter_reasons.reason IS 'Why they were given up.';

COMMENT ON COLUMN ops.dead_letter_reasons.dead_letters IS 'How many.';

COMMENT ON COLUMN ops.dead_letter_reasons.first_at IS 'When the first was given up (UTC).';

COMMENT ON COLUMN ops.dead_letter_reasons.last_at IS 'When the newest was given up (UTC).';

COMMENT ON COLUMN ops.dead_letter_reasons.example IS 'The newest one''s id: ops.dead_letters.id.';

CREATE VIEW ops.dead_letters AS
 SELECT d.id,
    d.tenant_id,
    d.job_type,
    COALESCE((d.payload ->> 'message_out_id'::text), (d.payload ->> 'webhook_event_id'::text)) AS entity_id,
    ops.masked_text(d.error_message) AS reason,
    d.attempts,
    d.created_at,
    m.error_code AS code,
    (m.status = 'sent'::text) AS was_sent,
    ops.masked(m."to") AS recipient,
    COALESCE(m.correlation_id, ( SELECT e.correlation_id
           FROM public.webhook_events e
          WHERE ((d.job_type = 'webhook_event'::text) AND (e.id =
                CASE
                    WHEN ((d.payload ->> 'webhook_event_id'::text) ~ '^[0-9]{1,18}$'::text) THEN ((d.payload ->> 'webhook_event_id'::text))::bigint
                    ELSE NULL::bigint
                END)))) AS correlation_id
   FROM (( SELECT x.id,
            x.tenant_id,
            x.job_type,
            x.payload,
            x.error_message,
            x.attempts,
            x.created_at
           FROM public.dead_letter_jobs x
          WHERE (x.resolved_at IS NULL)
          ORDER BY x.created_at DESC
         LIMIT 10000) d
     LEFT JOIN LATERAL ( SELECT x."to",
            x.error_code,
            x.status,
            x.correlation_id
           FROM public.messages_out x
          WHERE ((d.job_type = 'message_out'::text) AND (x.id = (d.payload ->> 'message_out_id'::text)))
         OFFSET 0) m ON (true));

COMMENT ON VIEW ops.dead_letters IS 'What was given up on and waits for a person: SELECT ops.retry_dead_letter(id) or ops.discard_dead_letter(id). Of more than 10,000 the newest.';

COMMENT ON COLUMN ops.dead_letters.id IS 'For ops.retry_dead_letter and ops.discard_dead_letter.';

COMMENT ON COLUMN ops.dead_letters.tenant_id IS 'The shop; NULL: an event of which no shop is known.';

COMMENT ON COLUMN ops.dead_letters.job_type IS 'message_out: a message that was not sent or not delivered; webhook_event: an event that could not be routed.';

COMMENT ON COLUMN ops.dead_letters.entity_id IS 'messages_out.id or webhook_events.id.';

COMMENT ON COLUMN ops.dead_letters.reason IS 'Why it was given up.';

COMMENT ON COLUMN ops.dead_letters.attempts IS 'Attempts made.';

COMMENT ON COLUMN ops.dead_letters.created_at IS 'When it was given up (UTC).';

COMMENT ON COLUMN ops.dead_letters.code IS 'Twilio''s code.';

COMMENT ON COLUMN ops.dead_letters.was_sent IS 'Twilio took the message and could not deliver it: a retry writes it again, as a new row.';

COMMENT ON COLUMN ops.dead_letters.recipient IS 'To whom, masked.';

COMMENT ON COLUMN ops.dead_letters.correlation_id IS 'What belongs together: SELECT * FROM ops.trace(correlation_id).';

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

CREATE TABLE public.tenants (
    id text DEFAULT (gen_random_uuid())::text NOT NULL,
    name text NOT NULL,
    created_at timestamp(3) without time zone DEFAULT (now() AT TIME ZONE 'UTC'::text) NOT NULL,
    updated_at timestamp(3) without time zone DEFAULT (now() AT TIME ZONE 'UTC'::text) NOT NULL,
    whatsapp_phone_number text
);

CREATE VIEW public.tenant_senders AS
 SELECT t.id AS tenant_id,
    COALESCE(t.whatsapp_phone_number, ( SELECT i.default_sender
           FROM public.instances i
          WHERE (i.default_sender IS NOT NULL)
          ORDER BY i.heartbeat_at DESC
         LIMIT 1)) AS number
   FROM public.tenants t;

COMMENT ON VIEW public.tenant_senders IS 'The number from which each shop sends: its own, else that of the sender that was heard last.';

CREATE VIEW ops.queue_depth AS
 SELECT 'webhook-processing'::text AS queue,
        CASE
            WHEN (w.counted > 10000) THEN GREATEST((10001)::bigint, ( SELECT (pg_class.reltuples)::bigint AS reltuples
               FROM pg_class
              WHERE (pg_class.oid = ('public.webhook_queue'::regclass)::oid)))
            ELSE w.counted
        END AS waiting,
    (0)::bigint AS in_flight,
    w.delayed,
    (EXTRACT(epoch FROM (now() - o.received_at)))::numeric(12,1) AS oldest_seconds
   FROM (( SELECT count(*) AS counted,
            count(*) FILTER (WHERE (q.due_at > now())) AS delayed,
            min(q.id) AS first_id
           FROM ( SELECT webhook_queue.id,
                    webhook_queue.due_at
                   FROM public.webhook_queue
                  ORDER BY webhook_queue.id
                 LIMIT 10001) q) w
     LEFT JOIN LATERAL ( SELECT e.received_at
           FROM public.webhook_events e
          WHERE (e.id = w.first_id)
         OFFSET 0) o ON (true))
UNION ALL
 SELECT 'messages_out'::text AS queue,
    w.waiting,
    ( SELECT count(*) AS count
           FROM ( SELECT
                   FROM public.outbox_leases
                  WHERE (outbox_leases.unknown_since IS NULL)
                 LIMIT 10001) l) AS in_flight,
        CASE
            WHEN ((w.counted > 10000) AND (w.delayed > 0)) THEN (w.waiting - (w.counted - w.delayed))
            ELSE w.delayed
        END AS delayed,
    (EXTRACT(epoch FROM (now() -
        CASE
            WHEN (NOT (EXISTS ( SELECT
               FROM public.outbox_pauses))) THEN w.oldest_due_at
            ELSE COALESCE(( SELECT min(q.due_at) AS min
               FROM ( SELECT outbox_queue.due_at,
                        outbox_queue.tenant_id
                       FROM public.outbox_queue
                      ORDER BY outbox_queue.due_at, outbox_queue.seq
                     LIMIT 10001) q
              WHERE ((q.due_at <= now()) AND (NOT (EXISTS ( SELECT
                       FROM public.outbox_pauses p
                      WHERE ((p.kind = 'all'::text) OR ((p.kind = 'tenant'::text) AND (p.id = q.tenant_id)) OR ((p.kind = 'sender'::text) AND (p.id = ( SELECT s.number
                               FROM public.tenant_senders s
                              WHERE (s.tenant_id = q.tenant_id)))))))))),
            CASE
                WHEN (w.counted > 10000) THEN w.oldest_due_at
                ELSE NULL::timestamp with time zone
            END)
        END)))::numeric(12,1) AS oldest_seconds
   FROM ( SELECT k.counted,
            k.delayed,
            k.oldest_due_at,
                CASE
                    WHEN (k.counted > 10000) THEN GREATEST((10001)::bigint, ( SELECT (pg_class.reltuples)::bigint AS reltuples
                       FROM pg_class
                      WHERE (pg_class.oid = ('public.outbox_queue'::regclass)::oid)))
                    ELSE k.counted
                END AS waiting
           FROM ( SELECT count(*) AS counted,
                    count(*) FILTER (WHERE (q.due_at > now())) AS delayed,
                    min(q.due_at) FILTER (WHERE (q.due_at <= now())) AS oldest_due_at
                   FROM ( SELECT outbox_queue.due_at
                           FROM public.outbox_queue
                          ORDER BY outbox_queue.due_at, outbox_queue.seq
                         LIMIT 10001) q) k) w;

COMMENT ON VIEW ops.queue_depth IS 'How deep the two queues are. Counts are exact to 10,000, estimated above.';

COMMENT ON COLUMN ops.queue_depth.queue IS 'webhook-processing: events to be routed; messages_out: messages to be sent.';

COMMENT ON COLUMN ops.queue_depth.waiting IS 'Rows in the queue, those that wait for a later time among them.';

COMMENT ON COLUMN ops.queue_depth.in_flight IS 'Messages under a lease right now (events are routed within one transaction).';

COMMENT ON COLUMN ops.queue_depth.delayed IS 'Those that are due later: after a failure, or since they were scheduled.';

COMMENT ON COLUMN ops.queue_depth.oldest_seconds IS 'How long the oldest one has been waiting; of messages, the one that has been due longest and that nobody has paused.';

CREATE VIEW ops.health AS
 WITH depth AS MATERIALIZED (
         SELECT queue_depth.queue,
            queue_depth.waiting,
            queue_depth.delayed,
            queue_depth.oldest_seconds
           FROM ops.queue_depth
        ), recent AS MATERIALIZED (
         SELECT count(*) FILTER (WHERE (e.event_type = 'message_sent'::text)) AS sent,
            count(*) FILTER (WHERE (e.event_type = ANY (ARRAY['message_failed'::text, 'message_dead_lettered'::text]))) AS failed
           FROM ( SELECT x.event_type
                   FROM public.event_log x
                  WHERE (x.created_at >= ((now() AT TIME ZONE 'UTC'::text) - '00:15:00'::interval))
                  ORDER BY x.created_at DESC
                 LIMIT 50000) e
        ), routed AS MATERIALIZED (
         SELECT count(*) AS webhooks,
            percentile_cont((0.95)::double precision) WITHIN GROUP (ORDER BY (((EXTRACT(epoch FROM (l.routed_at - w.received_at)) * (1000)::numeric))::double precision)) AS p95_ms
           FROM (( SELECT x.correlation_id,
                    x.received_at
                   FROM public.webhook_events x
                  ORDER BY x.id DESC
                 LIMIT 500) w
             CROSS JOIN LATERAL ( SELECT (min(x.created_at) AT TIME ZONE 'UTC'::text) AS routed_at
                   FROM public.event_log x
                  WHERE ((x.correlation_id = w.correlation_id) AND (x.event_type = 'webhook_received'::text))
                 OFFSET 0) l)
          WHERE (w.received_at >= (now() - '00:15:00'::interval))
        ), running AS MATERIALIZED (
         SELECT COALESCE(bool_or(('router'::text = ANY (r.roles))), false) AS has_router,
            COALESCE(bool_or(('sender'::text = ANY (r.roles))), false) AS has_sender
           FROM ( SELECT string_to_array(i.roles, ','::text) AS roles
                   FROM public.instances i
                  WHERE (i.heartbeat_at >= (now() - '00:00:30'::interval))) r
        ), snapshot AS MATERIALIZED (
         SELECT s.seconds,
            s.held_by,
            s.hidden
           FROM ops.oldest_snapshot() s(seconds, held_by, hidden)
        ), migrations AS MATERIALIZED (
         SELECT ops.unfinished_migrations() AS names
        ), figures(place, figure, value, warning, alert, advice) AS (
         SELECT 1 AS "?column?",
            'events waiting'::text AS "?column?",
            (( SELECT (d.waiting - d.delayed)
                   FROM depth d
                  WHERE (d.queue = 'webhook-processing'::text)))::numeric AS "?column?",
            10 AS "?column?",
            100 AS "?column?",
                CASE
                    WHEN r.has_router THEN 'SELECT * FROM ops.throughput; more instances or ROUTER_THREADS route more'::text
                    ELSE 'No router is running: start pgcourier serve with the role router'::text
                END AS "case"
           FROM running r
        UNION ALL
         SELECT 2,
            'messages waiting'::text,
            (( SELECT (d.waiting - d.delayed)
                   FROM depth d
                  WHERE (d.queue = 'messages_out'::text)))::numeric,
            10,
            100,
                CASE
                    WHEN r.has_sender THEN 'SELECT id, ops.explain(id) FROM ops.outbox WHERE status IN (''pending'', ''failed'') ORDER BY due_at LIMIT 5'::text
                    ELSE 'No sender is running: start pgcourier serve with the role sender'::text
                END AS "case"
           FROM running r
        UNION ALL
         SELECT 3,
            'oldest due message, s'::text,
            COALESCE(( SELECT d.oldest_seconds
                   FROM depth d
                  WHERE (d.queue = 'messages_out'::text)), (0)::numeric) AS "coalesce",
            10,
            60,
                CASE
                    WHEN r.has_sender THEN 'SELECT id, ops.explain(id) FROM ops.outbox WHERE status IN (''pending'', ''failed'') ORDER BY due_at LIMIT 5'::text
                    ELSE 'No sender is running: start pgcourier serve with the role sender'::text
                END AS "case"
           FROM running r
        UNION ALL
         SELECT 4,
            'processing time p95, ms'::text,
            round((GREATEST(COALESCE(( SELECT routed.p95_ms
                   FROM routed), (0)::double precision), (0)::double precision))::numeric, 1) AS round,
            500,
            2000,
            'SELECT * FROM ops.latency; SELECT * FROM ops.queue_depth. Where no notification arrives (pgcourier doctor), set DATABASE_DIRECT_URL'::text
        UNION ALL
         SELECT 5,
            'success rate, %'::text,
            round(COALESCE(( SELECT ((100.0 * (recent.sent)::numeric) / (NULLIF((recent.sent + recent.failed), 0))::numeric)
                   FROM recent), (100)::numeric), 1) AS round,
            95,
            90,
            'SELECT * FROM ops.dead_letter_reasons; SELECT * FROM ops.outbox WHERE status = ''failed'''::text
        UNION ALL
         SELECT 6,
            'unresolved dead letters'::text,
            ( SELECT count(*) AS count
                   FROM ( SELECT
                           FROM public.dead_letter_jobs x
                          WHERE (x.resolved_at IS NULL)
                          ORDER BY x.created_at
                         LIMIT 10000) d) AS count,
            1,
            100,
            'SELECT * FROM ops.dead_letter_reasons, then ops.retry_dead_letters(code => …) or ops.discard_dead_letters(code => …); where Twilio gave no code, ops.retry_dead_letter(id)'::text
        UNION ALL
         SELECT 7,
            'unknown outcomes'::text,
            (( SELECT count(*) AS count
                   FROM ( SELECT
                           FROM public.outbox_leases
                          WHERE (outbox_leases.unknown_since IS NOT NULL)
                         LIMIT 10000) u) + ( SELECT count(*) AS count
                   FROM ( SELECT x.tenant_id,
                            x."to",
                            x.seq
                           FROM public.messages_out x
                          WHERE ((x.held_reason IS NOT NULL) AND (x.status = 'unknown'::text))
                          ORDER BY x.seq
                         LIMIT 10000) h
                  WHERE (NOT (EXISTS ( SELECT
                           FROM public.outbox_leases l
                          WHERE ((l.tenant_id = h.tenant_id) AND (l.recipient = h."to") AND (l.seq = h.seq))))))),
            1,
            20,
            'Most are settled within two minutes. SELECT * FROM ops.stuck has those that are not'::text
        UNION ALL
         SELECT 8,
            'open breakers'::text,
            ( SELECT count(*) AS count
                   FROM ops.breakers b
                  WHERE (b.state = 'open'::text)) AS count,
            1,
            1,
            'Sending is paused: SELECT * FROM ops.breakers has the reason and the next probe'::text
        UNION ALL
         SELECT 9,
            'silent instances'::text,
            ( SELECT count(*) AS count
                   FROM public.instances
                  WHERE (instances.heartbeat_at < (now() - '00:00:30'::interval))) AS count,
            1,
            1,
            'SELECT * FROM ops.instances; a dead one''s row goes when the next one starts, or after an hour where another has its roles'::text
        UNION ALL
         SELECT 10,
            'oldest snapshot, s'::text,
            s.seconds,
            60,
            900,
            (('End it, queues become slow: '::text || COALESCE(s.held_by, 'SELECT * FROM ops.oldest_snapshot()'::text)) ||
                CASE
                    WHEN (s.hidden > 0) THEN format('. %s sessions are hidden from the owner of the schema: grant it pg_read_all_stats'::text, s.hidden)
                    ELSE ''::text
                END)
           FROM snapshot s
        UNION ALL
         SELECT 11,
            'notification queue, %'::text,
            round(((pg_notification_queue_usage() * (100)::double precision))::numeric, 1) AS round,
            10,
            50,
            'A session that listens does not read: its transaction is open. SELECT * FROM ops.oldest_snapshot()'::text
        UNION ALL
         SELECT 12,
            'unfinished migrations'::text,
            cardinality(m.names) AS cardinality,
            1,
            1,
            ('pgcourier migrate status'::text ||
                CASE
                    WHEN (m.names <> '{}'::text[]) THEN (': '::text || array_to_string(m.names, ', '::text))
                    ELSE ''::text
                END)
           FROM migrations m
        UNION ALL
         SELECT 13,
            'paused by people'::text,
            p.count,
            1,
            NULL::integer,
            ('SELECT * FROM ops.pauses has them'::text ||
                CASE
                    WHEN (p.kind IS NULL) THEN ''::text
                    ELSE format('. The oldest is by %s, since %s: SELECT ops.resume_sending(%s), or pgcourier resume, goes on'::text, p.paused_by, ops.moment(p.paused_at),
                    CASE p.kind
                        WHEN 'all'::text THEN ''::text
                        WHEN 'tenant'::text THEN ('''tenant'', '::text || ops.sql_word(p.id))
                        ELSE '''sender'', number'::text
                    END)
                END)
           FROM ( SELECT count(*) OVER () AS count,
                    x.paused_by,
                    x.paused_at,
                    x.kind,
                    x.id
                   FROM public.outbox_pauses x
                UNION ALL
                 SELECT 0,
                    NULL::text,
                    NULL::timestamp with time zone,
                    NULL::text,
                    NULL::text
                  WHERE (NOT (EXISTS ( SELECT
                           FROM public.outbox_pauses)))
          ORDER BY 3
         LIMIT 1) p
        )
 SELECT f.figure,
    f.value,
        CASE
            WHEN ((f.alert < f.warning) AND (f.value > (f.warning)::numeric)) THEN 'ok'::text
            WHEN ((f.alert < f.warning) AND ((f.value >= (f.alert)::numeric) OR (( SELECT (r.sent + r.failed)
               FROM recent r) < 20))) THEN 'warning'::text
            WHEN (f.alert < f.warning) THEN 'alert'::text
            WHEN (f.value < (f.warning)::numeric) THEN 'ok'::text
            WHEN ((f.place = 4) AND (( SELECT r.webhooks
               FROM routed r) < 20)) THEN 'warning'::text
            WHEN ((f.value > (f.alert)::numeric) OR (f.alert = f.warning)) THEN 'alert'::text
            ELSE 'warning'::text
        END AS state,
    f.warning AS warning_from,
    f.alert AS alert_from,
    f.advice,
        CASE
            WHEN (f.alert IS NULL) THEN format('warning from %s'::text, f.warning)
            WHEN (f.alert < f.warning) THEN format('ok above %s, alert below %s from 20 attempts on'::text, f.warning, f.alert)
            WHEN (f.alert = f.warning) THEN format('alert from %s'::text, f.alert)
            ELSE format('ok below %s, alert above %s'::text, f.warning, f.alert)
        END AS threshold
   FROM figures f
  ORDER BY f.place;

COMMENT ON VIEW ops.health IS 'Each figure with its state; state is ok everywhere when all is well.';

COMMENT ON COLUMN ops.health.figure IS 'What is looked at, with its unit.';

COMMENT ON COLUMN ops.health.value IS 'What it is now. The success rate is of the attempts of the last 15 minutes, at most the newest 50,000 events, and an alert from 20 attempts on; the processing time of the newest 500 webhooks.';

COMMENT ON COLUMN ops.health.state IS 'ok, warning or alert.';

COMMENT ON COLUMN ops.health.warning_from IS 'Where ok ends.';

COMMENT ON COLUMN ops.health.alert_from IS 'Where warning ends; NULL: nowhere.';

COMMENT ON COLUMN ops.health.advice IS 'What to do when it is not ok.';

COMMENT ON COLUMN ops.health.threshold IS 'Both bounds in words.';

CREATE VIEW ops.instances AS
 SELECT i.id,
    i.host,
    i.pid,
    i.version,
    i.roles,
    i.started_at,
    (GREATEST(EXTRACT(epoch FROM (now() - i.heartbeat_at)), (0)::numeric))::numeric(12,1) AS silent_seconds,
    COALESCE(l.in_flight, (0)::bigint) AS in_flight,
    i.heartbeat_at,
        CASE
            WHEN (i.heartbeat_at < (now() - '00:00:30'::interval)) THEN 'silent'::text
            ELSE 'running'::text
        END AS state,
    (EXTRACT(epoch FROM (now() - l.oldest_claim_at)))::numeric(12,1) AS oldest_claim_seconds,
    COALESCE(l.unknown, (0)::bigint) AS unknown
   FROM (public.instances i
     LEFT JOIN ( SELECT h.instance_id,
            count(*) FILTER (WHERE (h.unknown_since IS NULL)) AS in_flight,
            count(*) FILTER (WHERE (h.unknown_since IS NOT NULL)) AS unknown,
            min(h.claimed_at) FILTER (WHERE (h.unknown_since IS NULL)) AS oldest_claim_at
           FROM ( SELECT outbox_leases.instance_id,
                    outbox_leases.unknown_since,
                    outbox_leases.claimed_at
                   FROM public.outbox_leases
                 LIMIT 10000) h
          GROUP BY h.instance_id) l ON ((l.instance_id = i.id)));

COMMENT ON VIEW ops.instances IS 'The running processes, when each was last heard, and what they hold.';

COMMENT ON COLUMN ops.instances.id IS 'A new one at each start.';

COMMENT ON COLUMN ops.instances.host IS 'Where it runs.';

COMMENT ON COLUMN ops.instances.pid IS 'Its process there.';

COMMENT ON COLUMN ops.instances.version IS 'The version of the program.';

COMMENT ON COLUMN ops.instances.roles IS 'What it does: webhook, router, sender.';

COMMENT ON COLUMN ops.instances.started_at IS 'Since when.';

COMMENT ON COLUMN ops.instances.silent_seconds IS 'How long ago it was last heard; each few seconds when it is well.';

COMMENT ON COLUMN ops.instances.in_flight IS 'Messages that it is sending right now.';

COMMENT ON COLUMN ops.instances.heartbeat_at IS 'When it was last heard.';

COMMENT ON COLUMN ops.instances.state IS 'running; silent: not heard for 30 s. A row whose process ended without a word goes at the next start of another, or after an hour where another has its roles.';

COMMENT ON COLUMN ops.instances.oldest_claim_seconds IS 'How long ago it took the oldest of these.';

COMMENT ON COLUMN ops.instances.unknown IS 'Messages that it sent and whose outcome is not known.';

CREATE VIEW ops.latency AS
 WITH events AS MATERIALIZED (
         SELECT e.key,
            e.received_at,
            e.correlation_id
           FROM ( SELECT x.key,
                    x.kind,
                    x.received_at,
                    x.correlation_id
                   FROM public.webhook_events x
                  ORDER BY x.id DESC
                 LIMIT 500) e
          WHERE (e.received_at >= (now() - '01:00:00'::interval))
        ), sent AS MATERIALIZED (
         SELECT m.written_at,
            m.sent_at,
            m.delivered_at
           FROM (( SELECT n.entity_id
                   FROM ( SELECT x.entity_id,
                            x.event_type
                           FROM public.event_log x
                          WHERE (x.created_at >= ((now() AT TIME ZONE 'UTC'::text) - '01:00:00'::interval))
                          ORDER BY x.created_at DESC
                         LIMIT 3000) n
                  WHERE (n.event_type = 'message_sent'::text)
                 LIMIT 500) e
             CROSS JOIN LATERAL ( SELECT GREATEST((x.created_at AT TIME ZONE 'UTC'::text), x.send_at) AS written_at,
                    x.sent_at,
                    x.delivered_at
                   FROM public.messages_out x
                  WHERE ((x.id = e.entity_id) AND (x.sent_at IS NOT NULL))
                 OFFSET 0) m)
        ), steps(place, step, ms) AS (
         SELECT 1 AS "?column?",
            'received to routed'::text AS "?column?",
            (EXTRACT(epoch FROM (l.routed_at - e.received_at)) * (1000)::numeric) AS "?column?"
           FROM (events e
             CROSS JOIN LATERAL ( SELECT (min(x.created_at) AT TIME ZONE 'UTC'::text) AS routed_at
                   FROM public.event_log x
                  WHERE ((x.correlation_id = e.correlation_id) AND (x.event_type = 'webhook_received'::text))
                 OFFSET 0) l)
          WHERE (l.routed_at IS NOT NULL)
        UNION ALL
         SELECT 2,
            'routed to handled by the shop'::text,
            (EXTRACT(epoch FROM (i.handled_at - (i.created_at AT TIME ZONE 'UTC'::text))) * (1000)::numeric)
           FROM (events e
             CROSS JOIN LATERAL ( SELECT x.handled_at,
                    x.created_at
                   FROM public.messages_in x
                  WHERE ((x.provider_message_id = (substr(e.key, 5) COLLATE "default")) AND (x.duplicate_of IS NULL) AND (x.handled_at IS NOT NULL))
                 OFFSET 0) i)
          WHERE (e.key ~~ 'msg:%'::text)
        UNION ALL
         SELECT 3,
            'written to sent'::text,
            (EXTRACT(epoch FROM (s_1.sent_at - s_1.written_at)) * (1000)::numeric)
           FROM sent s_1
        UNION ALL
         SELECT 4,
            'sent to delivered'::text,
            (EXTRACT(epoch FROM (s_1.delivered_at - s_1.sent_at)) * (1000)::numeric)
           FROM sent s_1
          WHERE (s_1.delivered_at IS NOT NULL)
        )
 SELECT s.step,
    count(*) AS messages,
    round((GREATEST((0)::double precision, percentile_cont((0.5)::double precision) WITHIN GROUP (ORDER BY ((s.ms)::double precision))))::numeric, 1) AS p50_ms,
    round((GREATEST((0)::double precision, percentile_cont((0.95)::double precision) WITHIN GROUP (ORDER BY ((s.ms)::double precision))))::numeric, 1) AS p95_ms,
    round((GREATEST((0)::double precision, percentile_cont((0.99)::double precision) WITHIN GROUP (ORDER BY ((s.ms)::double precision))))::numeric, 1) AS p99_ms,
    round(GREATEST((0)::numeric, max(s.ms)), 1) AS max_ms
   FROM steps s
  GROUP BY s.place, s.step
  ORDER BY s.place;

COMMENT ON VIEW ops.latency IS 'How long each step took, of the newest 500 messages of the last hour.';

COMMENT ON COLUMN ops.latency.step IS 'From when to when. Written to sent begins at send_at when that is later.';

COMMENT ON COLUMN ops.latency.messages IS 'How many it is judged by.';

COMMENT ON COLUMN ops.latency.p50_ms IS 'Half of them took at most so many milliseconds.';

COMMENT ON COLUMN ops.latency.p95_ms IS '95 % of them.';

COMMENT ON COLUMN ops.latency.p99_ms IS '99 % of them.';

COMMENT ON COLUMN ops.latency.max_ms IS 'The slowest.';

CREATE VIEW ops.outbox AS
 SELECT m.seq,
    m.id,
    m.tenant_id,
    ops.masked(m."to") AS recipient,
    m.status,
    m.attempts,
    ((open.due_at AT TIME ZONE 'UTC'::text))::timestamp(3) without time zone AS due_at,
    ops.masked_text(m.held_reason) AS held_reason,
    ops.masked_text(m.last_error) AS last_error,
    m.error_code,
    open.leased_by,
    open.unknown_since,
    m.correlation_id,
    m.created_at,
    m.send_at,
    m.expires_at
   FROM ((( SELECT q.seq,
            q.due_at,
            NULL::text AS leased_by,
            NULL::timestamp with time zone AS unknown_since
           FROM public.outbox_queue q
          ORDER BY q.due_at, q.seq
         LIMIT 2000)
        UNION ALL
        ( SELECT l.seq,
            NULL::timestamp with time zone,
            l.instance_id,
            l.unknown_since
           FROM public.outbox_leases l
         LIMIT 2000)
        UNION ALL
         SELECT h.seq,
            NULL::timestamp with time zone,
            NULL::text,
            NULL::timestamp with time zone
           FROM (( SELECT x.seq,
                    x.tenant_id,
                    x."to"
                   FROM public.messages_out x
                  WHERE (x.held_reason IS NOT NULL)
                  ORDER BY x.seq
                 LIMIT 2000) h
             LEFT JOIN LATERAL ( SELECT l_1.seq
                   FROM public.outbox_leases l_1
                  WHERE ((l_1.tenant_id = h.tenant_id) AND (l_1.recipient = h."to") AND (l_1.seq = h.seq))
                 OFFSET 0) l ON (true))
          WHERE (l.seq IS NULL)
        UNION ALL
         SELECT x.seq,
            NULL::timestamp with time zone,
            NULL::text,
            NULL::timestamp with time zone
           FROM (( SELECT DISTINCT n.message_id
                   FROM ( SELECT (d_1.payload ->> 'message_out_id'::text) AS message_id
                           FROM public.dead_letter_jobs d_1
                          WHERE ((d_1.resolved_at IS NULL) AND (d_1.job_type = 'message_out'::text))
                          ORDER BY d_1.created_at DESC
                         LIMIT 2000) n) d
             CROSS JOIN LATERAL ( SELECT x_1.seq,
                    x_1.status
                   FROM public.messages_out x_1
                  WHERE (x_1.id = d.message_id)
                 OFFSET 0) x)
          WHERE (x.status = ANY (ARRAY['dead'::text, 'sent'::text]))) open
     CROSS JOIN LATERAL ( SELECT x.seq,
            x.id,
            x.tenant_id,
            x."to",
            x.status,
            x.attempts,
            x.held_reason,
            x.last_error,
            x.error_code,
            x.correlation_id,
            x.created_at,
            x.send_at,
            x.expires_at
           FROM public.messages_out x
          WHERE (x.seq = open.seq)
         OFFSET 0) m);

COMMENT ON VIEW ops.outbox IS 'The outgoing messages that are not finished (at most 2,000 of those that wait, the ones due first; of those in flight or of unknown outcome; and of those held), and the newest 2,000 whose dead letter nobody resolved.';

COMMENT ON COLUMN ops.outbox.seq IS 'The order in which messages to one person go out.';

COMMENT ON COLUMN ops.outbox.id IS 'messages_out.id: SELECT ops.explain(id) says why it has not been sent.';

COMMENT ON COLUMN ops.outbox.tenant_id IS 'The shop that sends it.';

COMMENT ON COLUMN ops.outbox.recipient IS 'To whom, masked.';

COMMENT ON COLUMN ops.outbox.status IS 'messages_out.status.';

COMMENT ON COLUMN ops.outbox.attempts IS 'Attempts made so far.';

COMMENT ON COLUMN ops.outbox.due_at IS 'When a claim looks at it (UTC); NULL: it is not in the queue.';

COMMENT ON COLUMN ops.outbox.held_reason IS 'Why it waits for a person; NULL: it does not.';

COMMENT ON COLUMN ops.outbox.last_error IS 'What its last attempt said.';

COMMENT ON COLUMN ops.outbox.error_code IS 'Twilio''s code of that.';

COMMENT ON COLUMN ops.outbox.leased_by IS 'The instance that is sending it, or was when its outcome was lost: ops.instances.id.';

COMMENT ON COLUMN ops.outbox.unknown_since IS 'Since when nobody knows whether it was sent.';

COMMENT ON COLUMN ops.outbox.correlation_id IS 'What belongs together: SELECT * FROM ops.trace(correlation_id).';

COMMENT ON COLUMN ops.outbox.created_at IS 'When it was written (UTC).';

COMMENT ON COLUMN ops.outbox.send_at IS 'Not before; NULL: at once.';

COMMENT ON COLUMN ops.outbox.expires_at IS 'Not from then on; NULL: never.';

CREATE VIEW ops.pauses AS
 SELECT p.kind AS scope,
        CASE
            WHEN (p.kind = 'sender'::text) THEN ops.masked(p.id)
            ELSE p.id
        END AS id,
    ops.masked_text(p.reason) AS reason,
    p.paused_by,
    p.paused_at
   FROM public.outbox_pauses p;

COMMENT ON VIEW ops.pauses IS 'What people have paused.';

COMMENT ON COLUMN ops.pauses.scope IS 'all, tenant or sender.';

COMMENT ON COLUMN ops.pauses.id IS 'The tenant''s id, or the sending number, masked; empty for all.';

COMMENT ON COLUMN ops.pauses.reason IS 'Why, as whoever paused it said.';

COMMENT ON COLUMN ops.pauses.paused_by IS 'Who did it, as they said; else the database user.';

COMMENT ON COLUMN ops.pauses.paused_at IS 'Since when.';

CREATE VIEW ops.stuck AS
 SELECT 'message'::text AS entity,
    m.id,
    m.tenant_id,
    (('its lease ended '::text || ops.span((now() - l.expires_at))) || ' ago and nobody swept it'::text) AS why,
    m.correlation_id,
    l.expires_at AS since,
    'Is a sender running? SELECT * FROM ops.instances'::text AS advice
   FROM (( SELECT x.seq,
            x.expires_at
           FROM public.outbox_leases x
          WHERE ((x.unknown_since IS NULL) AND (x.expires_at < (now() - '00:00:30'::interval)))
          ORDER BY x.expires_at
         LIMIT 1000) l
     CROSS JOIN LATERAL ( SELECT x.id,
            x.tenant_id,
            x.correlation_id
           FROM public.messages_out x
          WHERE (x.seq = l.seq)
         OFFSET 0) m)
UNION ALL
 SELECT 'message'::text AS entity,
    m.id,
    m.tenant_id,
    ('nobody knows whether it was sent'::text ||
        CASE
            WHEN (m.held_reason IS NOT NULL) THEN (', held: '::text || ops.masked_text(m.held_reason))
            WHEN (l.look_at = 'infinity'::timestamp with time zone) THEN ', held for a person'::text
            WHEN (l.look_failures > 0) THEN ', and Twilio''s list does not answer'::text
            ELSE ''::text
        END) AS why,
    m.correlation_id,
    l.unknown_since AS since,
    'Look in Twilio''s console whether it was sent, then SELECT ops.settle_unknown(id, true), or false'::text AS advice
   FROM (( SELECT x.seq,
            x.unknown_since,
            x.look_at,
            x.look_failures
           FROM public.outbox_leases x
          WHERE ((x.unknown_since IS NOT NULL) AND ((x.unknown_since < (now() - '00:02:00'::interval)) OR (x.look_at = 'infinity'::timestamp with time zone)))
         LIMIT 1000) l
     CROSS JOIN LATERAL ( SELECT x.id,
            x.tenant_id,
            x.correlation_id,
            x.held_reason
           FROM public.messages_out x
          WHERE (x.seq = l.seq)
         OFFSET 0) m)
UNION ALL
 SELECT 'message'::text AS entity,
    h.id,
    h.tenant_id,
    ('held: '::text || ops.masked_text(h.held_reason)) AS why,
    h.correlation_id,
    (h.updated_at AT TIME ZONE 'UTC'::text) AS since,
        CASE h.status
            WHEN 'unknown'::text THEN 'Look in Twilio''s console whether it was sent, then SELECT ops.settle_unknown(id, true), or false'::text
            ELSE 'SELECT ops.release_message(id) sends it, SELECT ops.cancel_message(id) does not'::text
        END AS advice
   FROM (( SELECT x.id,
            x.seq,
            x.tenant_id,
            x."to",
            x.status,
            x.held_reason,
            x.correlation_id,
            x.updated_at
           FROM public.messages_out x
          WHERE (x.held_reason IS NOT NULL)
          ORDER BY x.seq
         LIMIT 1000) h
     LEFT JOIN LATERAL ( SELECT l_1.seq
           FROM public.outbox_leases l_1
          WHERE ((l_1.tenant_id = h.tenant_id) AND (l_1.recipient = h."to") AND (l_1.seq = h.seq))
         OFFSET 0) l ON (true))
  WHERE (l.seq IS NULL)
UNION ALL
 SELECT 'sending'::text AS entity,
    NULL::text AS id,
    NULL::text AS tenant_id,
    'messages are due and no sender is running'::text AS why,
    NULL::text AS correlation_id,
    q.due_at AS since,
    'Start pgcourier serve with the role sender. SELECT * FROM ops.instances'::text AS advice
   FROM ( SELECT x.due_at
           FROM public.outbox_queue x
          WHERE (x.due_at < (now() - '00:01:00'::interval))
          ORDER BY x.due_at, x.seq
         LIMIT 1) q
  WHERE (NOT (EXISTS ( SELECT
           FROM public.instances i
          WHERE ((i.heartbeat_at >= (now() - '00:00:30'::interval)) AND ('sender'::text = ANY (string_to_array(i.roles, ','::text)))))))
UNION ALL
 SELECT 'pause'::text AS entity,
        CASE p.kind
            WHEN 'sender'::text THEN ops.masked(p.id)
            ELSE NULLIF(p.id, ''::text)
        END AS id,
        CASE p.kind
            WHEN 'tenant'::text THEN p.id
            ELSE NULL::text
        END AS tenant_id,
    ((('paused by '::text || p.paused_by) || COALESCE((': '::text || ops.masked_text(NULLIF(p.reason, ''::text))), ''::text)) || ', and messages wait'::text) AS why,
    NULL::text AS correlation_id,
    p.paused_at AS since,
    format('SELECT ops.resume_sending(%L%s)'::text, p.kind,
        CASE p.kind
            WHEN 'all'::text THEN ''::text
            WHEN 'tenant'::text THEN (', '::text || ops.sql_word(p.id))
            ELSE ', number'::text
        END) AS advice
   FROM public.outbox_pauses p
  WHERE (
        CASE p.kind
            WHEN 'all'::text THEN ( SELECT q.due_at
               FROM public.outbox_queue q
              ORDER BY q.due_at, q.seq
             LIMIT 1)
            WHEN 'tenant'::text THEN ( SELECT q.due_at
               FROM public.outbox_queue q
              WHERE (q.tenant_id = p.id)
              ORDER BY q.due_at, q.seq
             LIMIT 1)
            ELSE ( SELECT min(f.due_at) AS min
               FROM (public.tenant_senders s
                 CROSS JOIN LATERAL ( SELECT q.due_at
                       FROM public.outbox_queue q
                      WHERE (q.tenant_id = s.tenant_id)
                      ORDER BY q.due_at, q.seq
                     LIMIT 1) f)
              WHERE (s.number = p.id))
        END <= now())
UNION ALL
 SELECT 'event'::text AS entity,
    (e.id)::text AS id,
    NULL::text AS tenant_id,
    'not routed'::text AS why,
    e.correlation_id,
    e.received_at AS since,
    'Is a router running? SELECT * FROM ops.instances'::text AS advice
   FROM (( SELECT x.id
           FROM public.webhook_queue x
          WHERE (x.due_at IS NULL)
          ORDER BY x.id
         LIMIT 100) q
     CROSS JOIN LATERAL ( SELECT x.id,
            x.correlation_id,
            x.received_at
           FROM public.webhook_events x
          WHERE (x.id = q.id)
         OFFSET 0) e)
  WHERE (e.received_at < (now() - '00:01:00'::interval))
UNION ALL
 SELECT 'event'::text AS entity,
    (e.id)::text AS id,
    NULL::text AS tenant_id,
    ((('failed '::text || q.attempts) ||
        CASE q.attempts
            WHEN 1 THEN ' time'::text
            ELSE ' times'::text
        END) || ', and its next attempt is overdue'::text) AS why,
    e.correlation_id,
    q.due_at AS since,
    'Is a router running? SELECT * FROM ops.instances'::text AS advice
   FROM (( SELECT x.id,
            x.attempts,
            x.due_at
           FROM public.webhook_queue x
          WHERE (x.due_at < (now() - '00:01:00'::interval))
          ORDER BY x.due_at
         LIMIT 100) q
     CROSS JOIN LATERAL ( SELECT x.id,
            x.correlation_id
           FROM public.webhook_events x
          WHERE (x.id = q.id)
         OFFSET 0) e)
UNION ALL
 SELECT 'event'::text AS entity,
    (e.id)::text AS id,
    NULL::text AS tenant_id,
    'not routed, since somebody else has a row of its tenant locked'::text AS why,
    e.correlation_id,
    e.received_at AS since,
    'Whose transaction is open? SELECT pid, application_name, xact_start FROM pg_stat_activity WHERE state LIKE ''idle in%'' ORDER BY xact_start'::text AS advice
   FROM (( SELECT x.id
           FROM public.webhook_queue x
          WHERE ((x.due_at >= (now() - '00:01:00'::interval)) AND x.is_postponed)
          ORDER BY x.due_at
         LIMIT 100) q
     CROSS JOIN LATERAL ( SELECT x.id,
            x.correlation_id,
            x.received_at
           FROM public.webhook_events x
          WHERE (x.id = q.id)
         OFFSET 0) e)
  WHERE (e.received_at < (now() - '00:01:00'::interval))
UNION ALL
 SELECT 'callback'::text AS entity,
    (d.id)::text AS id,
    NULL::text AS tenant_id,
    (('Twilio told that a message is '::text || d.status) || ', and nobody has taken that over'::text) AS why,
    d.correlation_id,
    d.received_at AS since,
    'Is a sender running? SELECT * FROM ops.instances'::text AS advice
   FROM (( SELECT x.id,
            x.status,
            x.correlation_id,
            x.received_at
           FROM public.delivery_events x
          WHERE ((x.settled_at IS NULL) AND (x.look_again_at IS NULL))
          ORDER BY x.id
         LIMIT 100)
        UNION ALL
        ( SELECT x.id,
            x.status,
            x.correlation_id,
            x.received_at
           FROM public.delivery_events x
          WHERE ((x.settled_at IS NULL) AND (x.look_again_at < now()))
          ORDER BY x.look_again_at
         LIMIT 100)) d
  WHERE (d.received_at < (now() - '00:10:00'::interval))
UNION ALL
 SELECT 'backfill'::text AS entity,
    (b.id)::text AS id,
    NULL::text AS tenant_id,
    ((('what was missed from '::text || ops.moment(b.since)) || ' on is not fetched'::text) ||
        CASE
            WHEN (b.last_error IS NOT NULL) THEN (', Twilio''s list cannot be read: '::text || ops.masked_text(b.last_error))
            ELSE ', and nobody does it'::text
        END) AS why,
    NULL::text AS correlation_id,
    b.asked_at AS since,
        CASE
            WHEN (b.last_error ~~ '%HTTP 401%'::text) THEN 'Set the right credentials of Twilio: docs/runbooks/bad-credentials.md'::text
            ELSE format('Does Twilio answer, and is a sender running? SELECT * FROM ops.instances; pgcourier backfill --since %L tries at once'::text, to_char((b.since AT TIME ZONE 'UTC'::text), 'YYYY-MM-DD HH24:MI'::text))
        END AS advice
   FROM ( SELECT x.id,
            x.since,
            x.asked_at,
            x.last_error
           FROM public.backfills x
          WHERE ((x.ended_at IS NULL) AND ((x.failures >= 3) OR (x.due_at < (now() - '00:02:00'::interval))))
          ORDER BY x.due_at
         LIMIT 100) b;

COMMENT ON VIEW ops.stuck IS 'What does not move by itself; empty when all is well. An unknown outcome is here after 2 minutes, or at once when it is held for a person.';

COMMENT ON COLUMN ops.stuck.entity IS 'message, event, callback; backfill: Twilio''s list for a gap; sending: nobody sends; pause: a person''s, while messages wait for its end.';

COMMENT ON COLUMN ops.stuck.id IS 'messages_out.id, webhook_events.id, delivery_events.id, backfills.id, or what is paused.';

COMMENT ON COLUMN ops.stuck.tenant_id IS 'The shop that it is of.';

COMMENT ON COLUMN ops.stuck.why IS 'What holds it up.';

COMMENT ON COLUMN ops.stuck.correlation_id IS 'What belongs together: SELECT * FROM ops.trace(correlation_id).';

COMMENT ON COLUMN ops.stuck.since IS 'Since when.';

COMMENT ON COLUMN ops.stuck.advice IS 'What to do.';

CREATE TABLE public.seller_phones (
    id text DEFAULT (gen_random_uuid())::text NOT NULL,
    tenant_id text NOT NULL,
    phone_number text NOT NULL,
    created_at timestamp(3) without time zone DEFAULT (now() AT TIME ZONE 'UTC'::text) NOT NULL
);

CREATE VIEW ops.tenants AS
 WITH most AS MATERIALIZED (
         SELECT
                CASE
                    WHEN (count(*) > 20000) THEN 50
                    ELSE 20000
                END AS counted
           FROM ( SELECT
                   FROM public.outbox_queue q
                  ORDER BY q.due_at, q.seq
                 LIMIT 20001) a
        )
 SELECT t.id,
    t.name,
        CASE
            WHEN has_table_privilege(('public.tenants'::regclass)::oid, 'SELECT'::text) THEN t.whatsapp_phone_number
            ELSE ops.masked(t.whatsapp_phone_number)
        END AS number,
    COALESCE(e.sellers, (0)::bigint) AS sellers,
    ( SELECT count(*) AS count
           FROM ( SELECT
                   FROM public.opt_outs o
                  WHERE (o.tenant_id = t.id)
                  ORDER BY o.phone_number
                 LIMIT ( SELECT 1000)) k) AS opted_out,
    ( SELECT count(*) AS count
           FROM ( SELECT
                   FROM public.outbox_queue q
                  WHERE (q.tenant_id = t.id)
                  ORDER BY q.due_at, q.seq
                 LIMIT ( SELECT m.counted
                           FROM most m)) w) AS waiting,
    COALESCE(f.in_flight, (0)::bigint) AS in_flight,
    ( SELECT (EXTRACT(epoch FROM (now() - q.due_at)))::numeric(12,1) AS "extract"
           FROM public.outbox_queue q
          WHERE ((q.tenant_id = t.id) AND (q.due_at <= now()))
          ORDER BY q.due_at, q.seq
         LIMIT 1) AS oldest_due_seconds,
    COALESCE(g.dead_letters, (0)::bigint) AS dead_letters,
    ( SELECT string_agg(concat_ws(' '::text, p.kind, 'by', p.paused_by, 'since', to_char((p.paused_at AT TIME ZONE 'UTC'::text), 'YYYY-MM-DD HH24:MI "UTC"'::text)), '; '::text ORDER BY p.paused_at) AS string_agg
           FROM public.outbox_pauses p
          WHERE ((((p.kind = 'all'::text) AND (p.id = ''::text)) OR ((p.kind = 'tenant'::text) AND (p.id = t.id))) OR ((p.kind = 'sender'::text) AND (p.id = n.number)))) AS paused,
    s.opened_at AS breaker_open_since,
        CASE
            WHEN (s.calls < 1024) THEN s.calls
            ELSE NULL::integer
        END AS calls_at_once
   FROM (((((public.tenants t
     LEFT JOIN ( SELECT p.tenant_id,
            count(*) AS sellers
           FROM public.seller_phones p
          GROUP BY p.tenant_id) e ON ((e.tenant_id = t.id)))
     JOIN public.tenant_senders n ON ((n.tenant_id = t.id)))
     LEFT JOIN public.outbox_scopes s ON ((s.scope = ('sender:'::text || n.number))))
     LEFT JOIN ( SELECT l.tenant_id,
            count(*) AS in_flight
           FROM ( SELECT x.tenant_id
                   FROM public.outbox_leases x
                  WHERE (x.unknown_since IS NULL)
                 LIMIT 10000) l
          GROUP BY l.tenant_id) f ON ((f.tenant_id = t.id)))
     LEFT JOIN ( SELECT d.tenant_id,
            count(*) AS dead_letters
           FROM ( SELECT x.tenant_id
                   FROM public.dead_letter_jobs x
                  WHERE (x.resolved_at IS NULL)
                  ORDER BY x.created_at DESC
                 LIMIT 10000) d
          GROUP BY d.tenant_id) g ON ((g.tenant_id = t.id)));

COMMENT ON VIEW ops.tenants IS 'The shops: load, limits, pauses, opt-outs. Counts are bounded, as their columns say.';

COMMENT ON COLUMN ops.tenants.id IS 'For ops.pause_sending(''tenant'', id).';

COMMENT ON COLUMN ops.tenants.name IS 'Its name.';

COMMENT ON COLUMN ops.tenants.number IS 'The number that it receives at and sends from; NULL: it sends from TWILIO_WHATSAPP_NUMBER. Whole for whoever may read tenants, else masked.';

COMMENT ON COLUMN ops.tenants.sellers IS 'Numbers of its sellers.';

COMMENT ON COLUMN ops.tenants.opted_out IS 'People who said STOP to it, counted to 1,000.';

COMMENT ON COLUMN ops.tenants.waiting IS 'Its messages that wait to be sent; counted to 50 when more than 20,000 wait in all.';

COMMENT ON COLUMN ops.tenants.in_flight IS 'Its messages that are being sent right now.';

COMMENT ON COLUMN ops.tenants.oldest_due_seconds IS 'How long the one that has been due longest has been so; NULL: none is due.';

COMMENT ON COLUMN ops.tenants.dead_letters IS 'What was given up of it and waits for a person, among the newest 10,000 of all.';

COMMENT ON COLUMN ops.tenants.paused IS 'What of its sending a person has paused (all, tenant or sender), who and when; NULL: nothing.';

COMMENT ON COLUMN ops.tenants.breaker_open_since IS 'Its number does not work since then, nothing but probes is sent from it; NULL: it works. See ops.breakers.';

COMMENT ON COLUMN ops.tenants.calls_at_once IS 'So many of its messages may be in flight at the same time, since its number has just begun or failed; NULL: no limit.';

CREATE TABLE public.outbox_waits (
    minute timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    looked_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.outbox_waits IS 'The message that was due longest in each minute of the last two hours in which one had to wait a second; paused ones left out.';

COMMENT ON COLUMN public.outbox_waits.due_at IS 'Since when it was due.';

COMMENT ON COLUMN public.outbox_waits.looked_at IS 'When it was last seen to wait.';

CREATE VIEW ops.throughput AS
 WITH hour AS (
         SELECT (date_trunc('minute'::text, (now() AT TIME ZONE 'UTC'::text)) - '00:59:00'::interval) AS begins,
            (now() AT TIME ZONE 'UTC'::text) AS ends
        ), newest AS MATERIALIZED (
         SELECT date_bin('00:01:00'::interval, e.created_at, '2000-01-01 00:00:00'::timestamp without time zone) AS minute,
            e.event_type,
            (e.entity_type = 'message_in'::text) AS is_message,
            count(*) AS number
           FROM ( SELECT x.created_at,
                    x.event_type,
                    x.entity_type
                   FROM public.event_log x
                  WHERE (x.created_at >= ( SELECT h.begins
                           FROM hour h))
                  ORDER BY x.created_at DESC
                 LIMIT 60000) e
          GROUP BY (date_bin('00:01:00'::interval, e.created_at, '2000-01-01 00:00:00'::timestamp without time zone)), e.event_type, (e.entity_type = 'message_in'::text)
        ), counted_from AS MATERIALIZED (
         SELECT
                CASE
                    WHEN (COALESCE(sum(n_1.number), (0)::numeric) < (60000)::numeric) THEN ( SELECT h.begins
                       FROM hour h)
                    ELSE (min(n_1.minute) + '00:01:00'::interval)
                END AS minute
           FROM newest n_1
        ), slots AS (
         SELECT g.begins,
            LEAST((g.begins + '00:00:10'::interval), h.ends) AS ends
           FROM hour h,
            counted_from c,
            LATERAL generate_series(h.begins, (LEAST(c.minute, h.ends) - '00:00:00.001'::interval), '00:00:10'::interval) g(begins)
        ), events(minute, event_type, is_message, number) AS (
         SELECT n_1.minute,
            n_1.event_type,
            n_1.is_message,
            (n_1.number)::double precision AS number
           FROM newest n_1,
            counted_from c
          WHERE (n_1.minute >= c.minute)
        UNION ALL
         SELECT date_trunc('minute'::text, s.begins) AS date_trunc,
            e.event_type,
            (e.entity_type = 'message_in'::text),
                CASE
                    WHEN (e.of < 40) THEN (1)::numeric
                    ELSE (EXTRACT(epoch FROM (s.ends - s.begins)) / GREATEST(EXTRACT(epoch FROM (e.last_at - s.begins)), 0.001))
                END AS "case"
           FROM (slots s
             CROSS JOIN LATERAL ( SELECT f.event_type,
                    f.entity_type,
                    count(*) OVER () AS of,
                    max(f.created_at) OVER () AS last_at
                   FROM ( SELECT x.created_at,
                            x.event_type,
                            x.entity_type
                           FROM public.event_log x
                          WHERE ((x.created_at >= s.begins) AND (x.created_at < s.ends))
                          ORDER BY x.created_at
                         LIMIT 40) f) e)
        )
 SELECT m.minute,
    COALESCE(n.received, (0)::bigint) AS received,
    COALESCE(n.sent, (0)::bigint) AS sent,
    COALESCE(n.failed, (0)::bigint) AS failed,
    COALESCE(n.dead, (0)::bigint) AS dead,
    COALESCE(n.callbacks, (0)::bigint) AS callbacks,
    COALESCE(n.duplicates, (0)::bigint) AS duplicates,
    COALESCE(n.delivered, (0)::bigint) AS delivered,
    (m.minute < ( SELECT c.minute
           FROM counted_from c)) AS is_estimated,
    (COALESCE(( SELECT EXTRACT(epoch FROM max((LEAST((w.looked_at AT TIME ZONE 'UTC'::text), (m.minute + '00:01:00'::interval)) - (w.due_at AT TIME ZONE 'UTC'::text)))) AS "extract"
           FROM public.outbox_waits w
          WHERE (((w.minute AT TIME ZONE 'UTC'::text) >= m.minute) AND ((w.due_at AT TIME ZONE 'UTC'::text) < (m.minute + '00:01:00'::interval)))), (0)::numeric))::numeric(12,1) AS oldest_due_seconds
   FROM (( SELECT g.minute
           FROM hour h,
            LATERAL generate_series(h.begins, h.ends, '00:01:00'::interval) g(minute)) m
     LEFT JOIN ( SELECT e.minute,
            (round(sum(e.number) FILTER (WHERE ((e.event_type = 'webhook_received'::text) AND e.is_message))))::bigint AS received,
            (round(sum(e.number) FILTER (WHERE ((e.event_type = 'webhook_received'::text) AND (NOT e.is_message)))))::bigint AS callbacks,
            (round(sum(e.number) FILTER (WHERE (e.event_type = 'idempotent_ignored'::text))))::bigint AS duplicates,
            (round(sum(e.number) FILTER (WHERE (e.event_type = 'message_sent'::text))))::bigint AS sent,
            (round(sum(e.number) FILTER (WHERE (e.event_type = 'message_delivered'::text))))::bigint AS delivered,
            (round(sum(e.number) FILTER (WHERE (e.event_type = 'message_failed'::text))))::bigint AS failed,
            (round(sum(e.number) FILTER (WHERE (e.event_type = 'message_dead_lettered'::text))))::bigint AS dead
           FROM events e
          GROUP BY e.minute) n ON ((n.minute = m.minute)))
  ORDER BY m.minute;

COMMENT ON VIEW ops.throughput IS 'Minute by minute for the last hour, in and out; the last row is the minute that has just begun. Counted where there are at most 60,000 events since, estimated before.';

COMMENT ON COLUMN ops.throughput.minute IS 'When it began (UTC).';

COMMENT ON COLUMN ops.throughput.received IS 'In: messages routed.';

COMMENT ON COLUMN ops.throughput.sent IS 'Out: messages that Twilio took.';

COMMENT ON COLUMN ops.throughput.failed IS 'Attempts that failed and are made again.';

COMMENT ON COLUMN ops.throughput.dead IS 'Messages given up, or taken and not delivered.';

COMMENT ON COLUMN ops.throughput.callbacks IS 'Status callbacks and other events routed.';

COMMENT ON COLUMN ops.throughput.duplicates IS 'Repeated webhooks, which had no effect.';

COMMENT ON COLUMN ops.throughput.delivered IS 'Messages of which Twilio told that they reached the phone.';

COMMENT ON COLUMN ops.throughput.is_estimated IS 'Whether it was judged by samples.';

COMMENT ON COLUMN ops.throughput.oldest_due_seconds IS 'How long a message had been due in that minute, the one that had to wait longest; 0: none a second, as far as was seen every OUTBOX_POLL_INTERVAL_MS. Paused ones left out.';

CREATE VIEW ops.unrouted AS
 WITH RECURSIVE numbers(number) AS (
        ( SELECT m."to"
           FROM public.messages_in m
          WHERE ((m.tenant_id IS NULL) AND (m.message_type IS NULL) AND (m."to" IS NOT NULL))
          ORDER BY m."to", m.seq
         LIMIT 1)
        UNION ALL
         SELECT ( SELECT m."to"
                   FROM public.messages_in m
                  WHERE ((m.tenant_id IS NULL) AND (m.message_type IS NULL) AND (m."to" > n_1.number))
                  ORDER BY m."to", m.seq
                 LIMIT 1) AS "to"
           FROM numbers n_1
          WHERE (n_1.number IS NOT NULL)
        )
 SELECT
        CASE
            WHEN has_table_privilege(('public.tenants'::regclass)::oid, 'SELECT'::text) THEN n.number
            ELSE ops.masked(n.number)
        END AS number,
    c.messages,
    f.created_at AS first_at,
    l.created_at AS last_at,
    ( SELECT t.id
           FROM public.tenants t
          WHERE (t.whatsapp_phone_number = n.number)) AS tenant_id
   FROM (((( SELECT numbers.number
           FROM numbers
          WHERE (numbers.number IS NOT NULL)
         LIMIT 1000) n
     CROSS JOIN LATERAL ( SELECT count(*) AS messages
           FROM ( SELECT
                   FROM public.messages_in m
                  WHERE ((m.tenant_id IS NULL) AND (m.message_type IS NULL) AND (m."to" = n.number))
                  ORDER BY m.seq
                 LIMIT 10000) k) c)
     CROSS JOIN LATERAL ( SELECT m.created_at
           FROM public.messages_in m
          WHERE ((m.tenant_id IS NULL) AND (m.message_type IS NULL) AND (m."to" = n.number))
          ORDER BY m.seq
         LIMIT 1) f)
     CROSS JOIN LATERAL ( SELECT m.created_at
           FROM public.messages_in m
          WHERE ((m.tenant_id IS NULL) AND (m.message_type IS NULL) AND (m."to" = n.number))
          ORDER BY m.seq DESC
         LIMIT 1) l);

COMMENT ON VIEW ops.unrouted IS 'Messages to numbers that no tenant has; they are attributed as soon as a tenant gets the number.';

COMMENT ON COLUMN ops.unrouted.number IS 'The number that was written to: give it to a tenant. Whole for whoever may read tenants, else masked.';

COMMENT ON COLUMN ops.unrouted.messages IS 'How many wait, counted to 10,000.';

COMMENT ON COLUMN ops.unrouted.first_at IS 'When the first of them was stored (UTC).';

COMMENT ON COLUMN ops.unrouted.last_at IS 'When the newest was stored (UTC).';

COMMENT ON COLUMN ops.unrouted.tenant_id IS 'Who has the number by now: they are being routed again, or SELECT ops.reroute(number) has it done. NULL: nobody.';

CREATE TABLE public.alert_posts (
    id bigint NOT NULL,
    figure text NOT NULL,
    is_alert boolean NOT NULL,
    value text,
    advice text,
    correlation_id text NOT NULL,
    seconds bigint NOT NULL,
    turned_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    posts integer DEFAULT 0 NOT NULL,
    leased_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.alert_posts IS 'Changes of alerts_open that are still to be posted to ALERT_WEBHOOK_URL; a row goes when it was, or after an hour.';

COMMENT ON COLUMN public.alert_posts.is_alert IS 'Whether the alert began; else it ended.';

COMMENT ON COLUMN public.alert_posts.seconds IS 'For how long it had been an alert.';

COMMENT ON COLUMN public.alert_posts.posts IS 'How often some instance began to post it.';

COMMENT ON COLUMN public.alert_posts.leased_until IS 'Until then it is being posted; afterwards whoever can posts it again.';

ALTER TABLE public.alert_posts ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.alert_posts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

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

ALTER TABLE public.backfills ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.backfills_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE public.delivery_events ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.delivery_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.erasures (
    id text DEFAULT (gen_random_uuid())::text NOT NULL,
    addresses text[] NOT NULL,
    asked_by text NOT NULL,
    reason text,
    asked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    through_seq bigint NOT NULL,
    due_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    round integer DEFAULT 0 NOT NULL,
    round_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    step text NOT NULL,
    page bigint DEFAULT 0 NOT NULL,
    changed bigint DEFAULT 0 NOT NULL,
    busy bigint DEFAULT 0 NOT NULL,
    erased jsonb DEFAULT '{}'::jsonb NOT NULL,
    refusal text,
    told_at timestamp with time zone
);

COMMENT ON TABLE public.erasures IS 'People who are being erased. A row goes as soon as nothing of the person is left.';

COMMENT ON COLUMN public.erasures.addresses IS 'The number that was given, and the WhatsApp user ids that are known for it (or the other way round).';

COMMENT ON COLUMN public.erasures.asked_at IS 'What the person writes later is kept, as anybody''s is.';

COMMENT ON COLUMN public.erasures.through_seq IS 'The last messages_out.seq that it is about.';

COMMENT ON COLUMN public.erasures.step IS 'What is done next; page: where in the table.';

COMMENT ON COLUMN public.erasures.changed IS 'What this round has changed. The round that changes nothing is the last one.';

COMMENT ON COLUMN public.erasures.busy IS 'What this round could not erase yet: in flight, of unknown outcome, not routed, locked by somebody, or refused.';

COMMENT ON COLUMN public.erasures.erased IS 'Rows by table, over all rounds.';

COMMENT ON COLUMN public.erasures.refusal IS 'Why this round could not erase something; NULL: nothing was refused.';

COMMENT ON COLUMN public.erasures.told_at IS 'When the log was last told so: once an hour, by one instance.';

CREATE TABLE public.former_numbers (
    number text NOT NULL,
    left_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.former_numbers IS 'Numbers that a tenant had and left, or had when it was deleted. Backfill reads Twilio''s list for those left lately.';

COMMENT ON COLUMN public.former_numbers.number IS 'Without whatsapp:, as tenants.whatsapp_phone_number. A tenant may have it again by now.';

COMMENT ON COLUMN public.former_numbers.left_at IS 'When a tenant had it last. A year later the row goes with the next one that is written.';

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

ALTER TABLE public.opt_out_history ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.opt_out_history_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.pgcourier_migrations (
    name text NOT NULL,
    checksum text NOT NULL,
    origin text NOT NULL,
    requires_program integer DEFAULT 0 NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pgcourier_migrations_origin_check CHECK ((origin = ANY (ARRAY['pgcourier'::text, 'prisma'::text])))
);

CREATE TABLE public.receiving (
    is_only boolean DEFAULT true NOT NULL,
    last_receiving_at timestamp with time zone NOT NULL,
    CONSTRAINT receiving_is_only_check CHECK (is_only)
);

COMMENT ON TABLE public.receiving IS 'One row: when a process that receives webhooks last said so; each few seconds when one runs. None yet: none ever ran.';

CREATE TABLE public.retention_passes (
    table_name text NOT NULL,
    due_at timestamp with time zone NOT NULL,
    page bigint DEFAULT 0 NOT NULL,
    began_at timestamp with time zone,
    deleted bigint DEFAULT 0 NOT NULL,
    kept bigint DEFAULT 0 NOT NULL,
    ended_at timestamp with time zone,
    last_deleted bigint,
    last_kept bigint,
    pruned_before timestamp with time zone,
    refusal text
);

COMMENT ON TABLE public.retention_passes IS 'How far retention is: it reads each table page by page, over all instances, and begins again some time after the end.';

COMMENT ON COLUMN public.retention_passes.due_at IS 'When the next step may be made, by whichever instance looks first.';

COMMENT ON COLUMN public.retention_passes.page IS 'The page of the table that the next step begins with.';

COMMENT ON COLUMN public.retention_passes.began_at IS 'When the pass under way began; NULL: none is.';

COMMENT ON COLUMN public.retention_passes.deleted IS 'Rows that the pass under way has deleted so far.';

COMMENT ON COLUMN public.retention_passes.kept IS 'Rows that it found old enough, but still needed (not handled, not sent, not resolved), or that could not be deleted.';

COMMENT ON COLUMN public.retention_passes.ended_at IS 'When the last whole pass ended.';

COMMENT ON COLUMN public.retention_passes.pruned_before IS 'webhook_events: what Twilio dates before may have been here, been handled and been deleted. NULL: nothing was.';

COMMENT ON COLUMN public.retention_passes.refusal IS 'Why rows could not be deleted, in the pass under way or else in the last one; NULL: none was refused.';

CREATE VIEW public.routable_events AS
 SELECT e.id,
    e.kind,
    e.format,
        CASE
            WHEN (e.kind <> 'unrecognized'::text) THEN e.raw
            ELSE NULL::bytea
        END AS raw,
    e.query,
    COALESCE(e.occurred_at, e.received_at) AS said_at,
    e.correlation_id,
    COALESCE(t.id, s.id) AS tenant_id,
    COALESCE(((e.kind = 'inbound'::text) AND (t.sellers <> '{}'::text[]) AND ((e."from" = ANY (t.sellers)) OR (('+'::text || (e.payload ->> 'WaId'::text)) = ANY (t.sellers)) OR (replace((e.payload ->> 'ExternalUserId'::text), 'whatsapp:'::text, ''::text) = ANY (t.sellers)))), false) AS is_seller,
    e.received_at,
    clock_timestamp() AS read_at
   FROM ((public.webhook_events e
     LEFT JOIN LATERAL ( SELECT r.id,
            ARRAY( SELECT p.phone_number
                   FROM public.seller_phones p
                  WHERE (p.tenant_id = r.id)) AS sellers
           FROM public.tenants r
          WHERE ((r.whatsapp_phone_number = e."to") AND (e.kind <> 'status'::text))
         OFFSET 0) t ON (true))
     LEFT JOIN LATERAL ( SELECT r.id
           FROM public.tenants r
          WHERE ((r.whatsapp_phone_number = e."from") AND (e.kind = 'status'::text))
         OFFSET 0) s ON (true));

COMMENT ON VIEW public.routable_events IS 'What routing needs to know of an event: its shop, and whether a seller wrote it.';

ALTER TABLE public.webhook_events ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.webhook_events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY public.alert_posts
    ADD CONSTRAINT alert_posts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.alert_watch
    ADD CONSTRAINT alert_watch_pkey PRIMARY KEY (is_only);

ALTER TABLE ONLY public.alerts_open
    ADD CONSTRAINT alerts_open_pkey PRIMARY KEY (figure);

ALTER TABLE ONLY public.backfills
    ADD CONSTRAINT backfills_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.dead_letter_jobs
    ADD CONSTRAINT dead_letter_jobs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.delivery_events
    ADD CONSTRAINT delivery_events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.erasures
    ADD CONSTRAINT erasures_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.event_log
    ADD CONSTRAINT event_log_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.former_numbers
    ADD CONSTRAINT former_numbers_pkey PRIMARY KEY (number);

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

ALTER TABLE ONLY public.outbox_waits
    ADD CONSTRAINT outbox_waits_pkey PRIMARY KEY (minute);

ALTER TABLE ONLY public.pgcourier_migrations
    ADD CONSTRAINT pgcourier_migrations_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.receiving
    ADD CONSTRAINT receiving_pkey PRIMARY KEY (is_only);

ALTER TABLE ONLY public.retention_passes
    ADD CONSTRAINT retention_passes_pkey PRIMARY KEY (table_name);

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

CREATE INDEX backfills_open_idx ON public.backfills USING btree (due_at) WHERE (ended_at IS NULL);

CREATE INDEX backfills_sending_waits_idx ON public.backfills USING btree (sending_waits_until) WHERE (sending_waits_until IS NOT NULL);

CREATE INDEX dead_letter_jobs_event_idx ON public.dead_letter_jobs USING btree (((payload ->> 'webhook_event_id'::text))) WHERE (job_type = 'webhook_event'::text);

CREATE INDEX dead_letter_jobs_message_idx ON public.dead_letter_jobs USING btree (((payload ->> 'message_out_id'::text))) WHERE ((resolved_at IS NULL) AND (job_type = 'message_out'::text));

CREATE INDEX dead_letter_jobs_message_out_idx ON public.dead_letter_jobs USING btree (((payload ->> 'message_out_id'::text))) WHERE (job_type = 'message_out'::text);

CREATE INDEX dead_letter_jobs_tenant_id_idx ON public.dead_letter_jobs USING btree (tenant_id);

CREATE INDEX dead_letter_jobs_tenant_id_job_type_resolved_at_idx ON public.dead_letter_jobs USING btree (tenant_id, job_type, resolved_at);

CREATE INDEX dead_letter_jobs_unresolved_idx ON public.dead_letter_jobs USING btree (created_at) WHERE (resolved_at IS NULL);

CREATE INDEX delivery_events_look_again_idx ON public.delivery_events USING btree (look_again_at) WHERE (settled_at IS NULL);

CREATE INDEX delivery_events_provider_message_id_idx ON public.delivery_events USING btree (provider_message_id);

CREATE INDEX delivery_events_unsettled_idx ON public.delivery_events USING btree (id) WHERE ((settled_at IS NULL) AND (look_again_at IS NULL));

CREATE INDEX event_log_correlation_id_idx ON public.event_log USING btree (correlation_id);

CREATE INDEX event_log_created_at_idx ON public.event_log USING btree (created_at);

CREATE INDEX event_log_people_idx ON public.event_log USING btree (created_at, id) WHERE (actor_type = 'operator'::text);

CREATE INDEX event_log_rare_idx ON public.event_log USING btree (event_type, created_at, id) WHERE (event_type <> ALL (ARRAY['webhook_received'::text, 'message_sent'::text, 'message_delivered'::text, 'message_read'::text]));

CREATE INDEX messages_in_from_idx ON public.messages_in USING btree ("from", created_at);

CREATE UNIQUE INDEX messages_in_provider_message_id_key ON public.messages_in USING btree (provider_message_id) WHERE (duplicate_of IS NULL);

CREATE INDEX messages_in_tenant_id_idx ON public.messages_in USING btree (tenant_id);

CREATE INDEX messages_in_unattributed_idx ON public.messages_in USING btree ("to", seq) WHERE (tenant_id IS NULL);

CREATE INDEX messages_in_unhandled_idx ON public.messages_in USING btree (seq) WHERE (handled_at IS NULL);

CREATE INDEX messages_in_unrouted_idx ON public.messages_in USING btree ("to", seq) WHERE ((tenant_id IS NULL) AND (message_type IS NULL));

CREATE INDEX messages_out_correlation_id_idx ON public.messages_out USING btree (correlation_id);

CREATE INDEX messages_out_held_idx ON public.messages_out USING btree (seq) WHERE (held_reason IS NOT NULL);

CREATE INDEX messages_out_provider_message_id_idx ON public.messages_out USING btree (provider_message_id) WHERE (provider_message_id IS NOT NULL);

CREATE UNIQUE INDEX messages_out_seq_key ON public.messages_out USING btree (seq);

CREATE INDEX messages_out_to_idx ON public.messages_out USING btree ("to", created_at);

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

CREATE TRIGGER pgcourier_guard BEFORE UPDATE OF id ON public.tenants FOR EACH ROW WHEN ((old.id IS DISTINCT FROM new.id)) EXECUTE FUNCTION public.pgcourier_guard_tenant();

CREATE TRIGGER pgcourier_guard_place BEFORE UPDATE OF "to", tenant_id ON public.messages_out FOR EACH ROW WHEN ((((old."to" IS DISTINCT FROM new."to") OR (old.tenant_id IS DISTINCT FROM new.tenant_id)) AND ((old.status = ANY (ARRAY['sending'::text, 'unknown'::text])) OR ((old.status = ANY (ARRAY['pending'::text, 'failed'::text])) AND (old.held_reason IS NULL))) AND (new.status = ANY (ARRAY['pending'::text, 'failed'::text, 'sending'::text, 'unknown'::text])))) EXECUTE FUNCTION public.pgcourier_guard_place();

CREATE TRIGGER pgcourier_keep_former_number_on_delete AFTER DELETE ON public.tenants FOR EACH ROW WHEN ((old.whatsapp_phone_number IS NOT NULL)) EXECUTE FUNCTION public.pgcourier_keep_former_number();

CREATE TRIGGER pgcourier_keep_former_number_on_update AFTER UPDATE OF whatsapp_phone_number ON public.tenants FOR EACH ROW WHEN (((old.whatsapp_phone_number IS NOT NULL) AND (old.whatsapp_phone_number IS DISTINCT FROM new.whatsapp_phone_number))) EXECUTE FUNCTION public.pgcourier_keep_former_number();

CREATE TRIGGER pgcourier_normalise BEFORE INSERT ON public.messages_in FOR EACH ROW WHEN ((new."from" ~~ 'whatsapp:%'::text)) EXECUTE FUNCTION public.pgcourier_normalise_message_in();

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

GRANT USAGE ON SCHEMA ops TO pgcourier_ops_reader;
GRANT USAGE ON SCHEMA ops TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.attempts_words(attempts integer) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.attempts_words(attempts integer) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.cancel_message(message_id text, reason text, by text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.cancel_message(message_id text, reason text, by text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.conversation(message_id text, before_at timestamp with time zone, before_id text, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.conversation(message_id text, before_at timestamp with time zone, before_id text, most integer) TO pgcourier_ops_reader;
GRANT ALL ON FUNCTION ops.conversation(message_id text, before_at timestamp with time zone, before_id text, most integer) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.correlations(id text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.correlations(id text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.cursor(at text, id text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.cursor(at text, id text) TO pgcourier_ops_reader;
GRANT ALL ON FUNCTION ops.cursor(at text, id text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.dead_letter_named(id text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.dead_letter_named(id text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.discard_dead_letter(dead_letter_id text, reason text, by text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.discard_dead_letter(dead_letter_id text, reason text, by text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.discard_dead_letters(tenant text, code integer, since timestamp with time zone, until timestamp with time zone, everything boolean, reason text, by text, dry_run boolean, job_type text, letter_reason text, ids text[], most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.discard_dead_letters(tenant text, code integer, since timestamp with time zone, until timestamp with time zone, everything boolean, reason text, by text, dry_run boolean, job_type text, letter_reason text, ids text[], most integer) TO pgcourier_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.dead_letter_jobs TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.do_again(letter public.dead_letter_jobs, due timestamp with time zone, reason text, by text, OUT is_done boolean, OUT words text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.do_again(letter public.dead_letter_jobs, due timestamp with time zone, reason text, by text, OUT is_done boolean, OUT words text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.event_of(letter public.dead_letter_jobs) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.event_of(letter public.dead_letter_jobs) TO pgcourier_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.webhook_events TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.event_state_words(event public.webhook_events) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.event_state_words(event public.webhook_events) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.event_words(payload jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.event_words(payload jsonb) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.explain(id text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.explain(id text) TO pgcourier_ops_reader;
GRANT ALL ON FUNCTION ops.explain(id text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.explanation(id text, OUT is_known boolean, OUT words text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.explanation(id text, OUT is_known boolean, OUT words text) TO pgcourier_ops_reader;
GRANT ALL ON FUNCTION ops.explanation(id text, OUT is_known boolean, OUT words text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.find(words text, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.find(words text, most integer) TO pgcourier_ops_reader;
GRANT ALL ON FUNCTION ops.find(words text, most integer) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.find_dead_letters(tenant text, code integer, since timestamp with time zone, until timestamp with time zone, everything boolean, job_type text, letter_reason text, ids text[], most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.find_dead_letters(tenant text, code integer, since timestamp with time zone, until timestamp with time zone, everything boolean, job_type text, letter_reason text, ids text[], most integer) TO pgcourier_ops_reader;
GRANT ALL ON FUNCTION ops.find_dead_letters(tenant text, code integer, since timestamp with time zone, until timestamp with time zone, everything boolean, job_type text, letter_reason text, ids text[], most integer) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.grant_once(wanted text, kind text, object text, to_role text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.grant_once(wanted text, kind text, object text, to_role text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.grant_roles() FROM PUBLIC;
GRANT ALL ON FUNCTION ops.grant_roles() TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.has_hidden(word text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.has_hidden(word text) TO pgcourier_ops_reader;
GRANT ALL ON FUNCTION ops.has_hidden(word text) TO pgcourier_service;

GRANT SELECT ON TABLE public.messages_in TO pgcourier_writer;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.messages_in TO pgcourier_service;

GRANT UPDATE(handled_at) ON TABLE public.messages_in TO pgcourier_writer;

REVOKE ALL ON FUNCTION ops.incoming_words(message public.messages_in) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.incoming_words(message public.messages_in) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.letter_locked(letter_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.letter_locked(letter_id text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.letters_told(act text, is_preview boolean, choice jsonb, meant bigint, results jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.letters_told(act text, is_preview boolean, choice jsonb, meant bigint, results jsonb) TO pgcourier_ops_reader;
GRANT ALL ON FUNCTION ops.letters_told(act text, is_preview boolean, choice jsonb, meant bigint, results jsonb) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.log(tenant text, type text, correlation text, since timestamp with time zone, until timestamp with time zone, before_at timestamp with time zone, before_id text, only_people boolean, most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.log(tenant text, type text, correlation text, since timestamp with time zone, until timestamp with time zone, before_at timestamp with time zone, before_id text, only_people boolean, most integer) TO pgcourier_ops_reader;
GRANT ALL ON FUNCTION ops.log(tenant text, type text, correlation text, since timestamp with time zone, until timestamp with time zone, before_at timestamp with time zone, before_id text, only_people boolean, most integer) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.log_act(act text, entity_type text, entity_id text, tenant_id text, correlation_id text, reason text, actor text, details jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.log_act(act text, entity_type text, entity_id text, tenant_id text, correlation_id text, reason text, actor text, details jsonb) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.masked(address text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.masked(address text) TO pgcourier_ops_reader;
GRANT ALL ON FUNCTION ops.masked(address text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.masked_text(words text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.masked_text(words text) TO pgcourier_ops_reader;
GRANT ALL ON FUNCTION ops.masked_text(words text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.messages_of(number text, before timestamp with time zone, how_many integer) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.messages_of(number text, before timestamp with time zone, how_many integer) TO pgcourier_ops_reader;
GRANT ALL ON FUNCTION ops.messages_of(number text, before timestamp with time zone, how_many integer) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.span(length interval) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.span(length interval) TO pgcourier_ops_reader;
GRANT ALL ON FUNCTION ops.span(length interval) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.moment(moment timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.moment(moment timestamp with time zone) TO pgcourier_ops_reader;
GRANT ALL ON FUNCTION ops.moment(moment timestamp with time zone) TO pgcourier_service;

GRANT INSERT ON TABLE public.messages_out TO pgcourier_writer;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.messages_out TO pgcourier_service;

GRANT SELECT(id) ON TABLE public.messages_out TO pgcourier_writer;

GRANT SELECT(tenant_id) ON TABLE public.messages_out TO pgcourier_writer;

GRANT SELECT(status) ON TABLE public.messages_out TO pgcourier_writer;

GRANT SELECT(attempts) ON TABLE public.messages_out TO pgcourier_writer;

GRANT SELECT(next_attempt_at) ON TABLE public.messages_out TO pgcourier_writer;

GRANT SELECT(last_error) ON TABLE public.messages_out TO pgcourier_writer;

GRANT SELECT(correlation_id) ON TABLE public.messages_out TO pgcourier_writer;

GRANT SELECT(provider_message_id) ON TABLE public.messages_out TO pgcourier_writer;

GRANT SELECT(created_at) ON TABLE public.messages_out TO pgcourier_writer;

GRANT SELECT(updated_at) ON TABLE public.messages_out TO pgcourier_writer;

GRANT SELECT(seq) ON TABLE public.messages_out TO pgcourier_writer;

GRANT SELECT(error_code) ON TABLE public.messages_out TO pgcourier_writer;

GRANT SELECT(held_reason) ON TABLE public.messages_out TO pgcourier_writer;

GRANT SELECT(sent_at) ON TABLE public.messages_out TO pgcourier_writer;

GRANT SELECT(delivery_status) ON TABLE public.messages_out TO pgcourier_writer;

GRANT SELECT(send_at) ON TABLE public.messages_out TO pgcourier_writer;

GRANT SELECT(expires_at) ON TABLE public.messages_out TO pgcourier_writer;

GRANT SELECT(delivered_at) ON TABLE public.messages_out TO pgcourier_writer;

GRANT SELECT(read_at) ON TABLE public.messages_out TO pgcourier_writer;

GRANT SELECT(undelivered_at) ON TABLE public.messages_out TO pgcourier_writer;

REVOKE ALL ON FUNCTION ops.obstacle_words(message public.messages_out, due timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.obstacle_words(message public.messages_out, due timestamp with time zone) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.oldest_snapshot(OUT seconds numeric, OUT held_by text, OUT hidden bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.oldest_snapshot(OUT seconds numeric, OUT held_by text, OUT hidden bigint) TO pgcourier_ops_reader;
GRANT ALL ON FUNCTION ops.oldest_snapshot(OUT seconds numeric, OUT held_by text, OUT hidden bigint) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.outgoing_words(message public.messages_out) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.outgoing_words(message public.messages_out) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.pause_id(scope text, id text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.pause_id(scope text, id text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.pause_sending(scope text, id text, reason text, by text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.pause_sending(scope text, id text, reason text, by text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.person_meant(words text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.person_meant(words text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.queue_again(message public.messages_out, due timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.queue_again(message public.messages_out, due timestamp with time zone) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.release_message(message_id text, by text, reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.release_message(message_id text, by text, reason text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.reroute(number text, event bigint, reason text, by text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.reroute(number text, event bigint, reason text, by text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.reroute_event(event bigint, reason text, by text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.reroute_event(event bigint, reason text, by text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.resume_sending(scope text, id text, reason text, by text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.resume_sending(scope text, id text, reason text, by text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.retry_dead_letter(dead_letter_id text, by text, reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.retry_dead_letter(dead_letter_id text, by text, reason text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.retry_dead_letters(tenant text, code integer, since timestamp with time zone, until timestamp with time zone, everything boolean, per_second double precision, reason text, by text, dry_run boolean, job_type text, letter_reason text, ids text[], most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.retry_dead_letters(tenant text, code integer, since timestamp with time zone, until timestamp with time zone, everything boolean, per_second double precision, reason text, by text, dry_run boolean, job_type text, letter_reason text, ids text[], most integer) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.secure_function(name regprocedure, is_definer boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.secure_function(name regprocedure, is_definer boolean) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.settle_unknown(message_id text, was_sent boolean, by text, reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.settle_unknown(message_id text, was_sent boolean, by text, reason text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.shell_word(word text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.shell_word(word text) TO pgcourier_ops_reader;
GRANT ALL ON FUNCTION ops.shell_word(word text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.shell_argument(word text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.shell_argument(word text) TO pgcourier_ops_reader;
GRANT ALL ON FUNCTION ops.shell_argument(word text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.shell_option(name text, word text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.shell_option(name text, word text) TO pgcourier_ops_reader;
GRANT ALL ON FUNCTION ops.shell_option(name text, word text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.sql_word(word text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.sql_word(word text) TO pgcourier_ops_reader;
GRANT ALL ON FUNCTION ops.sql_word(word text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.tenant_named(tenant text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.tenant_named(tenant text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.trace(id text) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.trace(id text) TO pgcourier_ops_reader;
GRANT ALL ON FUNCTION ops.trace(id text) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.unfinished_migrations() FROM PUBLIC;
GRANT ALL ON FUNCTION ops.unfinished_migrations() TO pgcourier_ops_reader;
GRANT ALL ON FUNCTION ops.unfinished_migrations() TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.utc(moment timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.utc(moment timestamp with time zone) TO pgcourier_ops_reader;
GRANT ALL ON FUNCTION ops.utc(moment timestamp with time zone) TO pgcourier_service;

REVOKE ALL ON FUNCTION ops.waiting_words(message public.messages_out, is_the_one_before boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION ops.waiting_words(message public.messages_out, is_the_one_before boolean) TO pgcourier_service;

REVOKE ALL ON FUNCTION public.pgcourier_take_dedupe_key(tenant text, key text, message text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.pgcourier_take_dedupe_key(tenant text, key text, message text) TO pg_write_all_data;
GRANT ALL ON FUNCTION public.pgcourier_take_dedupe_key(tenant text, key text, message text) TO pgcourier_writer;
GRANT ALL ON FUNCTION public.pgcourier_take_dedupe_key(tenant text, key text, message text) TO pgcourier_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.backfills TO pgcourier_service;

GRANT SELECT ON TABLE ops.backfills TO pgcourier_ops_reader;
GRANT SELECT ON TABLE ops.backfills TO pgcourier_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.delivery_events TO pgcourier_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.event_log TO pgcourier_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.instances TO pgcourier_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.opt_out_history TO pgcourier_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.opt_outs TO pgcourier_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.outbox_dedupe_keys TO pgcourier_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.outbox_leases TO pgcourier_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.outbox_queue TO pgcourier_service;

GRANT INSERT(seq) ON TABLE public.outbox_queue TO pgcourier_writer;

GRANT INSERT(message_id) ON TABLE public.outbox_queue TO pgcourier_writer;

GRANT INSERT(tenant_id) ON TABLE public.outbox_queue TO pgcourier_writer;

GRANT INSERT(recipient) ON TABLE public.outbox_queue TO pgcourier_writer;

GRANT INSERT(due_at) ON TABLE public.outbox_queue TO pgcourier_writer;

GRANT INSERT(expires_at) ON TABLE public.outbox_queue TO pgcourier_writer;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.outbox_scopes TO pgcourier_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.webhook_queue TO pgcourier_service;

GRANT SELECT ON TABLE ops.bloat TO pgcourier_ops_reader;
GRANT SELECT ON TABLE ops.bloat TO pgcourier_service;

GRANT SELECT ON TABLE ops.breakers TO pgcourier_ops_reader;
GRANT SELECT ON TABLE ops.breakers TO pgcourier_service;

GRANT SELECT ON TABLE ops.dead_letter_reasons TO pgcourier_ops_reader;
GRANT SELECT ON TABLE ops.dead_letter_reasons TO pgcourier_service;

GRANT SELECT ON TABLE ops.dead_letters TO pgcourier_ops_reader;
GRANT SELECT ON TABLE ops.dead_letters TO pgcourier_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.outbox_pauses TO pgcourier_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.tenants TO pgcourier_service;

GRANT SELECT ON TABLE public.tenant_senders TO pgcourier_service;

GRANT SELECT ON TABLE ops.queue_depth TO pgcourier_ops_reader;
GRANT SELECT ON TABLE ops.queue_depth TO pgcourier_service;

GRANT SELECT ON TABLE ops.health TO pgcourier_ops_reader;
GRANT SELECT ON TABLE ops.health TO pgcourier_service;

GRANT SELECT ON TABLE ops.instances TO pgcourier_ops_reader;
GRANT SELECT ON TABLE ops.instances TO pgcourier_service;

GRANT SELECT ON TABLE ops.latency TO pgcourier_ops_reader;
GRANT SELECT ON TABLE ops.latency TO pgcourier_service;

GRANT SELECT ON TABLE ops.outbox TO pgcourier_ops_reader;
GRANT SELECT ON TABLE ops.outbox TO pgcourier_service;

GRANT SELECT ON TABLE ops.pauses TO pgcourier_ops_reader;
GRANT SELECT ON TABLE ops.pauses TO pgcourier_service;

GRANT SELECT ON TABLE ops.stuck TO pgcourier_ops_reader;
GRANT SELECT ON TABLE ops.stuck TO pgcourier_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.seller_phones TO pgcourier_service;

GRANT SELECT ON TABLE ops.tenants TO pgcourier_ops_reader;
GRANT SELECT ON TABLE ops.tenants TO pgcourier_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.outbox_waits TO pgcourier_service;

GRANT SELECT ON TABLE ops.throughput TO pgcourier_ops_reader;
GRANT SELECT ON TABLE ops.throughput TO pgcourier_service;

GRANT SELECT ON TABLE ops.unrouted TO pgcourier_ops_reader;
GRANT SELECT ON TABLE ops.unrouted TO pgcourier_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.alert_posts TO pgcourier_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.alert_watch TO pgcourier_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.alerts_open TO pgcourier_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.erasures TO pgcourier_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.former_numbers TO pgcourier_service;

GRANT SELECT ON TABLE public.pgcourier_migrations TO pgcourier_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.receiving TO pgcourier_service;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.retention_passes TO pgcourier_service;

GRANT SELECT ON TABLE public.routable_events TO pgcourier_service;

