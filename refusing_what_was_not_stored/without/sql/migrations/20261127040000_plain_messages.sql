-- What a plain message costs whoever writes it, once more (docs/speed.md): a bounded repetition made a regular expression cost more
-- than all other rules together, comparing times with the session's zone cost as much again, and a condition of a trigger is
-- read from its text in each statement. And an INSERT that is not prepared, as most programs and poolers send them, took half of its
-- time to plan the expressions of the two ids.
DO $migration$
DECLARE
    own text := quote_ident(current_schema());
    was text := pg_get_functiondef('pgcourier_check_message_out()'::regprocedure);
    fast CONSTANT text := '    -- An ordinary message, in one expression.*?\n    END IF;\n';
BEGIN
    IF was !~ fast THEN
        RAISE EXCEPTION 'pgcourier_check_message_out() is not the one of 20261125110400_writers'
            USING HINT = 'Put that one back: this migration changes its first step.';
    END IF;
    EXECUTE regexp_replace(was, fast, replace($part$
    -- An ordinary message, in one expression: each further one is set up anew in every transaction.
    IF NEW."to" ~ '^\\+[1-9][0-9]*$' AND octet_length(NEW."to") BETWEEN 9 AND 16 AND octet_length(NEW.body) BETWEEN 1 AND 1600
       AND NEW.status = 'pending' AND NEW.on_duplicate = 'refuse'
       AND pg_catalog.num_nonnulls(NEW.media_url, NEW.content_sid, NEW.content_variables, NEW.send_at, NEW.expires_at, NEW.dedupe_key,
                        NEW.next_attempt_at) = 0 THEN
        IF current_setting('TimeZone') NOT IN ('UTC', 'Etc/UTC') THEN
            NEW.created_at := "@".pgcourier_utc_if_now(NEW.created_at);
            NEW.updated_at := "@".pgcourier_utc_if_now(NEW.updated_at);
        END IF;
        RETURN NEW;
    END IF;
$part$, '"@"', own));

    DROP TRIGGER pgcourier_keep_expiry ON outbox_queue;
    DROP FUNCTION pgcourier_keep_expiry();
    EXECUTE replace($part$
    -- What is put back after a failure expires as well. A claim looks at it then at the latest, so that what stands behind it goes on
    -- without waiting for a retry that will not be.
    CREATE FUNCTION pgcourier_is_due_again(queued bigint, due timestamptz, expires timestamptz) RETURNS boolean
        LANGUAGE plpgsql AS $$
    BEGIN
        IF expires IS NULL THEN
            UPDATE "@".outbox_queue AS q SET expires_at = m.expires_at, due_at = least(q.due_at, m.expires_at)
            FROM "@".messages_out AS m
            WHERE q.seq = queued AND m.seq = q.seq AND m.expires_at IS NOT NULL;
        END IF;
        RETURN due <= clock_timestamp();
    END $$;
    CREATE OR REPLACE FUNCTION pgcourier_wake_sender() RETURNS trigger
        LANGUAGE plpgsql AS $$
    BEGIN
        -- Of all who commit together one wakes; a row that wakes nobody never takes the lock. In parentheses, or its THEN would end the IF.
        IF (CASE WHEN NEW.is_retry AND NOT "@".pgcourier_is_due_again(NEW.seq, NEW.due_at, NEW.expires_at) THEN false
                 ELSE pg_try_advisory_xact_lock(hashtext('pgcourier'), hashtext('messages_out')) END) THEN
            PERFORM pg_notify('messages_out', '');
        END IF;
        RETURN NULL;
    END $$;
    $part$, '"@"', own);

    EXECUTE replace($part$
    CREATE FUNCTION pgcourier_new_message_id() RETURNS text LANGUAGE plpgsql VOLATILE PARALLEL RESTRICTED AS $$
    BEGIN
        RETURN "@".pgcourier_new_id();
    END $$;
    $part$, '"@"', own);
    -- At once and not with all others' (ops.grant_roles): every INSERT asks for them.
    IF to_regrole('pgcourier_writer') IS NOT NULL THEN
        GRANT EXECUTE ON FUNCTION pgcourier_is_due_again(bigint, timestamptz, timestamptz) TO pgcourier_writer;
        GRANT EXECUTE ON FUNCTION pgcourier_new_message_id(), pgcourier_new_id() TO pgcourier_writer;
    END IF;
END $migration$;
COMMENT ON FUNCTION pgcourier_is_due_again(bigint, timestamptz, timestamptz) IS 'Gives what was put back into the queue its expires_at; whether it is due now.';
COMMENT ON FUNCTION pgcourier_new_message_id() IS 'pgcourier_new_id() that no plan takes in: its expression takes longer to plan than the rest of an INSERT.';
ALTER TABLE messages_out ALTER COLUMN id SET DEFAULT pgcourier_new_message_id(),
    ALTER COLUMN correlation_id SET DEFAULT pgcourier_new_message_id();
