-- A STOP blocks what waits for its person, and does not wait for a message that somebody's open transaction has locked: whoever claims
-- that one finds the STOP. (Sorting: see sort_what_a_stop_blocks.)
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
