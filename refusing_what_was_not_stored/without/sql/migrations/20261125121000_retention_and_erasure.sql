-- What is old is deleted in small steps, and a person can be erased.

-- From a message to its dead letters, without reading all of these.
CREATE INDEX dead_letter_jobs_message_out_idx ON dead_letter_jobs ((payload ->> 'message_out_id')) WHERE job_type = 'message_out';

CREATE TABLE retention_passes (
    table_name   text PRIMARY KEY,
    due_at       timestamptz NOT NULL,
    page         bigint NOT NULL DEFAULT 0,
    began_at     timestamptz,
    deleted      bigint NOT NULL DEFAULT 0,
    kept         bigint NOT NULL DEFAULT 0,
    ended_at     timestamptz,
    last_deleted bigint,
    last_kept    bigint
);
COMMENT ON TABLE retention_passes IS 'How far retention is: it reads each table page by page, over all instances, and begins again some time after the end.';
COMMENT ON COLUMN retention_passes.due_at IS 'When the next step may be made, by whichever instance looks first.';
COMMENT ON COLUMN retention_passes.page IS 'The page of the table that the next step begins with.';
COMMENT ON COLUMN retention_passes.began_at IS 'When the pass under way began; NULL: none is.';
COMMENT ON COLUMN retention_passes.deleted IS 'Rows that the pass under way has deleted so far.';
COMMENT ON COLUMN retention_passes.kept IS 'Rows that it found old enough, but still needed: not handled, not sent, not resolved.';
COMMENT ON COLUMN retention_passes.ended_at IS 'When the last whole pass ended.';

-- A day in which whoever updates can set RETENTION_DAYS before anything is deleted.
INSERT INTO retention_passes (table_name, due_at)
SELECT t.name, clock_timestamp() + interval '1 day'
FROM unnest(ARRAY['dead_letter_jobs', 'messages_in', 'messages_out', 'delivery_events', 'webhook_events', 'event_log']) AS t (name);

CREATE TABLE erasures (
    id          text PRIMARY KEY DEFAULT gen_random_uuid()::text,
    addresses   text[] NOT NULL,
    asked_by    text NOT NULL,
    reason      text,
    asked_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    through_seq bigint NOT NULL,
    due_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    round       integer NOT NULL DEFAULT 0,
    round_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    step        text NOT NULL,
    page        bigint NOT NULL DEFAULT 0,
    changed     bigint NOT NULL DEFAULT 0,
    busy        bigint NOT NULL DEFAULT 0,
    erased      jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE erasures IS 'People who are being erased. A row goes as soon as nothing of the person is left.';
COMMENT ON COLUMN erasures.addresses IS 'The number that was given, and the WhatsApp user ids that are known for it (or the other way round).';
COMMENT ON COLUMN erasures.asked_at IS 'What the person writes later is kept, as anybody''s is.';
COMMENT ON COLUMN erasures.through_seq IS 'The last messages_out.seq that it is about.';
COMMENT ON COLUMN erasures.step IS 'What is done next; page: where in the table.';
COMMENT ON COLUMN erasures.changed IS 'What this round has changed. The round that changes nothing is the last one.';
COMMENT ON COLUMN erasures.busy IS 'What this round could not erase yet: in flight, of unknown outcome, not routed.';
COMMENT ON COLUMN erasures.erased IS 'Rows by table, over all rounds.';

-- Under which an opt-out outlives its person's erasure: it still stops a message to them, and does not say who they are to
-- whoever reads the table. The tenant is part of it, so that nobody can be followed from shop to shop.
CREATE FUNCTION pgcourier_erased_address(tenant text, address text) RETURNS text
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    RETURN 'erased:' || encode(sha256(convert_to(tenant || ' ' || address, 'UTF8')), 'hex');
COMMENT ON FUNCTION pgcourier_erased_address IS 'What stands in opt_outs for an address that was erased.';

-- As before, and an erased person who writes again is known by what is left of their words.
CREATE OR REPLACE FUNCTION pgcourier_record_opt_word(tenant text, address text, said text, said_at timestamptz, said_in text,
                                                     event bigint, correlation text) RETURNS boolean
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    person text := pgcourier_bare_address(address);
    erased text := pgcourier_erased_address(tenant, person);
    addresses text[];
    newest record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('pgcourier_opt_out'), hashtext(tenant));
    INSERT INTO opt_out_history (tenant_id, phone_number, word, occurred_at, source, event_id)
    VALUES (tenant, person, said, said_at, said_in, event);
    SELECT array_agg(DISTINCT h.phone_number) INTO addresses
    FROM opt_out_history AS own
    JOIN opt_out_history AS h ON h.id = own.id OR h.event_id = own.event_id AND h.tenant_id = tenant
    WHERE own.tenant_id = tenant AND own.phone_number IN (person, erased);
    SELECT h.word, h.occurred_at INTO newest FROM opt_out_history AS h
    WHERE h.tenant_id = tenant AND h.phone_number = ANY (addresses)
    ORDER BY h.occurred_at DESC, h.id DESC LIMIT 1;

    IF newest.word = 'start' THEN
        DELETE FROM opt_outs WHERE tenant_id = tenant AND phone_number = ANY (addresses || erased);
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

SELECT 'From tomorrow on the service deletes what is older than RETENTION_DAYS (30): events, messages that the shop has '
       'handled, messages that are finished. Set it higher before that, if you want to keep them; pgcourier prune --dry-run counts them' AS notice
WHERE (SELECT min(first.created_at) FROM (SELECT m.created_at FROM messages_in AS m LIMIT 1000) AS first)
          < (now() AT TIME ZONE 'UTC') - interval '30 days'
   OR (SELECT m.created_at FROM messages_out AS m ORDER BY m.seq LIMIT 1) < (now() AT TIME ZONE 'UTC') - interval '30 days';
