-- What the triggers cost those who write one message a transaction (bench/writers.cpp): the same rules, with less work around
-- them. Without a search_path of their own, which each call would set and take back (a seventh of the rate of 64
-- writers), so that what they name is qualified here with the schema that the tables are in: "@" stands for it.
DO $migration$
DECLARE
    part text;
BEGIN
    FOREACH part IN ARRAY ARRAY[$part$
CREATE OR REPLACE FUNCTION pgcourier_check_message_out() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    first text;
    kind text;
BEGIN
    -- An ordinary message, in one expression: each further one is set up anew in every transaction.
    IF NEW."to" ~ '^\+[1-9][0-9]{7,14}$' AND NEW.body <> '' AND char_length(NEW.body) <= 1600 AND NEW.status = 'pending'
       AND pg_catalog.num_nonnulls(NEW.media_url, NEW.content_sid, NEW.content_variables, NEW.send_at, NEW.expires_at, NEW.dedupe_key,
                        NEW.next_attempt_at) = 0
       AND NEW.on_duplicate = 'refuse'
       -- What pgcourier_utc_if_now() would change.
       AND (now()::timestamp = now() AT TIME ZONE 'UTC'
            OR NEW.created_at NOT IN (now()::timestamp(3), now()::timestamp)
               AND NEW.updated_at NOT IN (now()::timestamp(3), now()::timestamp)) THEN
        RETURN NEW;
    END IF;
    NEW."to" := "@".pgcourier_bare_address(NEW."to");
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
    NEW.created_at := "@".pgcourier_utc_if_now(NEW.created_at);
    NEW.updated_at := "@".pgcourier_utc_if_now(NEW.updated_at);
    NEW.next_attempt_at := "@".pgcourier_utc_if_now(NEW.next_attempt_at);

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
    first := "@".pgcourier_take_dedupe_key(NEW.tenant_id, NEW.dedupe_key, NEW.id);
    IF first IS NULL THEN
        RETURN NEW;
    END IF;
    IF NEW.on_duplicate = 'ignore' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'messages_out.dedupe_key was used within 24 hours, by message %', first
        USING ERRCODE = 'unique_violation', HINT = 'With on_duplicate = ''ignore'' a second row is dropped without an error.';
END $$;
$part$, $part$
-- A row at a time: for one row that costs less than a transition table, for many little more.
CREATE OR REPLACE FUNCTION pgcourier_queue_messages_out() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO "@".outbox_queue (seq, message_id, tenant_id, recipient, due_at, expires_at)
    SELECT NEW.seq, NEW.id, NEW.tenant_id, NEW."to",
           least(greatest(NEW.send_at, NEW.next_attempt_at AT TIME ZONE 'UTC', now()), NEW.expires_at), NEW.expires_at
    WHERE NEW.status = 'pending' AND NEW.held_reason IS NULL;
    RETURN NULL;
END $$;
$part$] LOOP
        EXECUTE replace(part, '"@"', quote_ident(current_schema()));
    END LOOP;
END $migration$;

DROP TRIGGER pgcourier_queue ON messages_out;
CREATE TRIGGER pgcourier_queue AFTER INSERT ON messages_out
    FOR EACH ROW EXECUTE FUNCTION pgcourier_queue_messages_out();

-- Which rows wake is decided in here: a condition of the trigger would be read from its text in each statement.
CREATE OR REPLACE FUNCTION pgcourier_wake_sender() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    -- CASE, so that a row that wakes nobody never takes the lock; in parentheses, or its THEN would end the IF.
    IF (CASE WHEN NEW.is_retry AND NEW.due_at > clock_timestamp() THEN false
             ELSE pg_try_advisory_xact_lock(hashtext('pgcourier'), hashtext('messages_out')) END) THEN
        PERFORM pg_notify('messages_out', '');
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER pgcourier_wake ON outbox_queue;
CREATE CONSTRAINT TRIGGER pgcourier_wake AFTER INSERT ON outbox_queue DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION pgcourier_wake_sender();
