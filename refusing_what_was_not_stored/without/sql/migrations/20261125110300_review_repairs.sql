-- A STOP takes no part in a deadlock any more, and an event that was given up is found by its id.

-- Which events have a dead letter: those that maintenance must not queue again (queries/maintenance/route_again.sql).
CREATE INDEX dead_letter_jobs_event_idx ON dead_letter_jobs ((payload ->> 'webhook_event_id')) WHERE job_type = 'webhook_event';

-- Records one word of one person and makes opt_outs say what the newest word says, of every address of the person that we
-- know: a number and a user id that came with one word belong together, and the next word may come from one of them alone.
-- When the newest word is a stop, what waits for the person is blocked. The words of a tenant's people are taken one at a
-- time, whoever records them: that of a person's addresses could be waited for in two orders.
-- It waits for no row of the queue: a batch of STOPs locks person by person, while promote.sql locks the rows of many
-- persons by seq, and two that waited for each other's rows would end in a deadlock. A row that somebody holds just now is
-- being claimed or made due: it stays, and the claim that takes it after we have committed blocks it.
-- returns  whether the person is opted out now
CREATE OR REPLACE FUNCTION pgcourier_record_opt_word(tenant text, address text, said text, said_at timestamptz, said_in text,
                                                     event bigint, correlation text) RETURNS boolean
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
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
