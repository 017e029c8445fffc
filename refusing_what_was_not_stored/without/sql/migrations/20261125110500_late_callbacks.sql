-- A callback can come after its attempt was taken for not sent: the message is sent then, and not sent again.
CREATE OR REPLACE FUNCTION pgcourier_guard_status() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
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

-- Read by settle_deliveries.sql, and by all who ask for the letters of one message.
CREATE INDEX dead_letter_jobs_message_idx ON dead_letter_jobs ((payload ->> 'message_out_id'))
    WHERE resolved_at IS NULL AND job_type = 'message_out';

-- Where it is not named, pg_temp is searched first: a session's temporary table must not stand for one of ours.
DO $$
DECLARE
    one regprocedure;
BEGIN
    FOR one IN SELECT p.oid FROM pg_proc AS p
               WHERE p.pronamespace = quote_ident(current_schema())::regnamespace AND p.proname LIKE 'pgcourier\_%'
                 AND EXISTS (SELECT FROM unnest(p.proconfig) AS c (setting) WHERE c.setting LIKE 'search_path=%') LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', one, current_schema());
    END LOOP;
END $$;
