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
