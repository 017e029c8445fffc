-- Every STOP and START that a person said. A row in opt_outs = opted out, as the predecessor's application reads it.

ALTER TABLE opt_outs ALTER COLUMN id SET DEFAULT gen_random_uuid()::text,
    ALTER COLUMN opted_out_at SET DEFAULT (clock_timestamp() AT TIME ZONE 'UTC'),
    ALTER COLUMN created_at SET DEFAULT (clock_timestamp() AT TIME ZONE 'UTC'),
    ALTER COLUMN updated_at SET DEFAULT (clock_timestamp() AT TIME ZONE 'UTC');

CREATE TABLE opt_out_history (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id    text NOT NULL,
    phone_number text NOT NULL,
    word         text NOT NULL CHECK (word IN ('stop', 'start')),
    occurred_at  timestamptz NOT NULL,
    source       text NOT NULL,
    event_id     bigint,
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE opt_out_history IS 'Every STOP and START, with the time at which it was said; the newest one decides.';
CREATE INDEX opt_out_history_person_idx ON opt_out_history (tenant_id, phone_number, occurred_at);

INSERT INTO opt_out_history (tenant_id, phone_number, word, occurred_at, source)
SELECT tenant_id, pgcourier_bare_address(phone_number), 'stop', opted_out_at AT TIME ZONE 'UTC', 'snapsell'
FROM opt_outs
ORDER BY opted_out_at, id;

-- The same person with and without the prefix is one person: the older row stays, the history has both.
DELETE FROM opt_outs AS o USING opt_outs AS other
WHERE o.tenant_id = other.tenant_id AND o.id <> other.id
  AND pgcourier_bare_address(o.phone_number) = pgcourier_bare_address(other.phone_number)
  AND (other.opted_out_at, other.id) < (o.opted_out_at, o.id);
UPDATE opt_outs SET phone_number = pgcourier_bare_address(phone_number)
WHERE phone_number <> pgcourier_bare_address(phone_number);

-- A stop that a person types in holds as well, however the number is written.
CREATE FUNCTION pgcourier_normalise_opt_out() RETURNS trigger
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    NEW.phone_number := pgcourier_bare_address(NEW.phone_number);
    NEW.opted_out_at := pgcourier_utc_if_now(NEW.opted_out_at);
    NEW.created_at := pgcourier_utc_if_now(NEW.created_at);
    NEW.updated_at := pgcourier_utc_if_now(NEW.updated_at);
    RETURN NEW;
END $$;
CREATE TRIGGER pgcourier_normalise BEFORE INSERT ON opt_outs
    FOR EACH ROW EXECUTE FUNCTION pgcourier_normalise_opt_out();

-- Records one word of one person and makes opt_outs say what the newest word says. When that is a stop, what waits for
-- the person is blocked. One person's words are taken one at a time, whoever records them.
-- returns  whether the person is opted out now
CREATE FUNCTION pgcourier_record_opt_word(tenant text, address text, said text, said_at timestamptz, said_in text,
                                          event bigint, correlation text) RETURNS boolean
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    person text := pgcourier_bare_address(address);
    newest record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('pgcourier_opt_out'), hashtext(tenant || ' ' || person));
    INSERT INTO opt_out_history (tenant_id, phone_number, word, occurred_at, source, event_id)
    VALUES (tenant, person, said, said_at, said_in, event);
    SELECT h.word, h.occurred_at INTO newest FROM opt_out_history AS h
    WHERE h.tenant_id = tenant AND h.phone_number = person
    ORDER BY h.occurred_at DESC, h.id DESC LIMIT 1;

    IF newest.word = 'start' THEN
        DELETE FROM opt_outs WHERE tenant_id = tenant AND phone_number = person;
        RETURN false;
    END IF;
    INSERT INTO opt_outs (tenant_id, phone_number, opted_out_at, created_at, updated_at)
    VALUES (tenant, person, newest.occurred_at AT TIME ZONE 'UTC', clock_timestamp() AT TIME ZONE 'UTC',
            clock_timestamp() AT TIME ZONE 'UTC')
    ON CONFLICT (tenant_id, phone_number) DO UPDATE
    SET opted_out_at = excluded.opted_out_at, updated_at = excluded.updated_at;

    PERFORM set_config('pgcourier.act', 'opt_out', true);
    WITH waiting AS MATERIALIZED (
        SELECT q.seq, q.message_id FROM outbox_queue AS q
        WHERE q.tenant_id = tenant AND q.recipient = person
        ORDER BY q.seq
        FOR UPDATE),
    gone AS (
        DELETE FROM outbox_queue AS q USING waiting AS w WHERE q.seq = w.seq RETURNING q.message_id),
    blocked AS (
        UPDATE messages_out AS m
        SET status = 'blocked', last_error = 'the recipient opted out', updated_at = clock_timestamp() AT TIME ZONE 'UTC'
        FROM gone WHERE m.id = gone.message_id
        RETURNING m.id, m.tenant_id, m.correlation_id)
    INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type)
    SELECT b.tenant_id, 'message_blocked_optout', 'message_out', b.id, b.correlation_id, 'system' FROM blocked AS b;
    PERFORM set_config('pgcourier.act', '', true);
    RETURN true;
END $$;
