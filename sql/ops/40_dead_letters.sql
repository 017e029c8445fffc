-- What a person does about dead letters, one by one and by filter. Every act is a row in event_log with who.

-- The event that a letter is about; NULL: none, or its payload is not what we write.
CREATE FUNCTION ops.event_of(letter dead_letter_jobs) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN (letter).payload ->> 'webhook_event_id' ~ '^[0-9]{1,18}$' THEN ((letter).payload ->> 'webhook_event_id')::bigint END;
COMMENT ON FUNCTION ops.event_of IS 'The event that a dead letter is about; part of the functions on dead letters.';

-- Does again what one dead letter is about. A message that Twilio had taken before it failed was sent once: it is written
-- anew, with a place at the end of its conversation.
-- due  when; NULL: now
-- returns  in words what was done or why it cannot be; the letter, locked by the caller, is then left as it is
CREATE FUNCTION ops.do_again(letter dead_letter_jobs, due timestamptz, reason text, by text, OUT is_done boolean, OUT words text)
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
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
COMMENT ON FUNCTION ops.do_again IS 'Does again what a dead letter is about; part of ops.retry_dead_letter.';

-- The letter that a person means: by its id, or by its message's, of which the newest that nobody resolved comes first.
CREATE FUNCTION ops.dead_letter_named(id text) RETURNS text
    LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT coalesce((SELECT d.id FROM dead_letter_jobs AS d WHERE d.id = $1),
                    (SELECT d.id FROM dead_letter_jobs AS d
                     WHERE d.job_type = 'message_out' AND d.payload ->> 'message_out_id' = $1
                     ORDER BY d.resolved_at IS NULL DESC, d.created_at DESC, d.id LIMIT 1));
$$;
COMMENT ON FUNCTION ops.dead_letter_named IS 'The dead letter that its id or its message''s means; part of the functions on dead letters.';

-- A letter to be done again, locked with all others of its message that nobody has resolved, which go with it: in one order, so
-- that two people who retry one message's letters do not wait for each other.
CREATE FUNCTION ops.letter_locked(letter_id text) RETURNS dead_letter_jobs
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
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
COMMENT ON FUNCTION ops.letter_locked IS 'A dead letter, locked with the others of its message; part of ops.retry_dead_letter.';

CREATE FUNCTION ops.retry_dead_letter(dead_letter_id text, by text DEFAULT NULL, reason text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
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
COMMENT ON FUNCTION ops.retry_dead_letter IS 'Makes what a dead letter is about pending again, with attempts 0; a message that was sent and not delivered is written again.';

CREATE FUNCTION ops.discard_dead_letter(dead_letter_id text, reason text DEFAULT NULL, by text DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
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
COMMENT ON FUNCTION ops.discard_dead_letter IS 'Resolves a dead letter without doing anything about it.';

-- Those that a filter means, in the order in which they would be done again; NULL: any. All of them only when asked for; of more
-- than 10,000 the oldest, since each is a lock and rows in four tables. Rights of its owner: what an act would do is looked at by
-- those who may not do it.
-- letter_reason  as ops.dead_letters.reason has it; '': those without one
-- ids            of letters, or of their messages
CREATE FUNCTION ops.find_dead_letters(tenant text, code integer, since timestamptz, until timestamptz, everything boolean,
                                      job_type text, letter_reason text, ids text[], most integer)
    RETURNS TABLE (id text, entity_id text, seq bigint, kind text, was_sent boolean, is_kept boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
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
COMMENT ON FUNCTION ops.find_dead_letters IS 'The dead letters that a filter means; part of ops.retry_dead_letters and ops.discard_dead_letters.';

CREATE FUNCTION ops.retry_dead_letters(tenant text DEFAULT NULL, code integer DEFAULT NULL, since timestamptz DEFAULT NULL,
                                       until timestamptz DEFAULT NULL, everything boolean DEFAULT false,
                                       per_second double precision DEFAULT NULL, reason text DEFAULT NULL, by text DEFAULT NULL,
                                       dry_run boolean DEFAULT false, job_type text DEFAULT NULL, letter_reason text DEFAULT NULL,
                                       ids text[] DEFAULT NULL, most integer DEFAULT 10000)
    RETURNS TABLE (dead_letter_id text, entity_id text, due_at timestamptz, is_done boolean, words text)
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
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
COMMENT ON FUNCTION ops.retry_dead_letters IS 'Retries the dead letters of a tenant, an error code, a time, a job type or a reason, or those with these ids, in their order; with per_second at that rate, with dry_run only shows which. The oldest `most` at once, 10,000 by itself and at most: call it again for the rest; with since, to leave out those that cannot be done again.';

CREATE FUNCTION ops.discard_dead_letters(tenant text DEFAULT NULL, code integer DEFAULT NULL, since timestamptz DEFAULT NULL,
                                         until timestamptz DEFAULT NULL, everything boolean DEFAULT false,
                                         reason text DEFAULT NULL, by text DEFAULT NULL, dry_run boolean DEFAULT false,
                                         job_type text DEFAULT NULL, letter_reason text DEFAULT NULL, ids text[] DEFAULT NULL,
                                         most integer DEFAULT 10000)
    RETURNS TABLE (dead_letter_id text, entity_id text, is_done boolean, words text)
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
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
COMMENT ON FUNCTION ops.discard_dead_letters IS 'Discards the dead letters of a tenant, an error code, a time, a job type or a reason, or those with these ids; with dry_run only shows which. The oldest `most` at once, 10,000 by itself and at most: call it again for the rest.';

-- What the console answers when letters were settled, or would be.
-- choice   what the act was given, by the names of its parameters: ids, or a filter
-- meant    how many letters the choice means, counted to 10,000
-- results  dead_letter_id, entity_id, is_done and words of each letter chosen, in their order
CREATE FUNCTION ops.letters_told(act text, is_preview boolean, choice jsonb, meant bigint, results jsonb) RETURNS jsonb
    LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
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
COMMENT ON FUNCTION ops.letters_told IS 'What retrying or discarding dead letters did or would do, with the SQL and the command that do the same; part of the console.';
