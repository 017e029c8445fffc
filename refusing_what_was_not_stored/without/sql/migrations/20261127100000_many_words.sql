-- Whoever says STOP again and again makes no word dearer than the first ones: before, each read all earlier words of its person.
-- Who a person is besides is told by their last hundred words, and by the one that is being recorded.
-- A START takes back no later STOP that the shop wrote into opt_outs itself, of which nothing is in the history.
CREATE OR REPLACE FUNCTION pgcourier_record_opt_word(tenant text, address text, said text, said_at timestamptz, said_in text,
                                                     event bigint, correlation text) RETURNS boolean
    LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_sort = on AS $$
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
