-- What a message can be: scheduled, expiring, written once; and when it was delivered.

ALTER TABLE messages_out
    ADD COLUMN send_at timestamptz,
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN dedupe_key text,
    ADD COLUMN on_duplicate text NOT NULL DEFAULT 'refuse',
    ADD COLUMN delivered_at timestamptz,
    ADD COLUMN read_at timestamptz,
    ADD COLUMN undelivered_at timestamptz;
COMMENT ON COLUMN messages_out.send_at IS 'Not sent before; NULL: at once.';
COMMENT ON COLUMN messages_out.expires_at IS 'Not sent from then on: it becomes expired. NULL: never.';
COMMENT ON COLUMN messages_out.dedupe_key IS 'A second row of the tenant with the same key within 24 hours is refused or ignored.';
COMMENT ON COLUMN messages_out.on_duplicate IS 'What becomes of this row when its dedupe_key was used already: refuse (an error) or ignore (nothing is inserted).';
COMMENT ON COLUMN messages_out.delivered_at IS 'When Twilio told that it had reached the phone.';
COMMENT ON COLUMN messages_out.read_at IS 'When Twilio told that it had been read.';
COMMENT ON COLUMN messages_out.undelivered_at IS 'When Twilio told that it could not be delivered after all.';

ALTER TABLE outbox_queue ADD COLUMN IF NOT EXISTS expires_at timestamptz;
COMMENT ON COLUMN outbox_queue.expires_at IS 'As in messages_out: what still waits then is not sent.';
CREATE INDEX outbox_queue_expires_at_idx ON outbox_queue (expires_at) WHERE expires_at IS NOT NULL;

-- A key is taken by inserting it here: of two writers with open transactions the second waits for the first, and has the
-- key when the first one rolls back.
CREATE TABLE outbox_dedupe_keys (
    tenant_id  text NOT NULL,
    dedupe_key text NOT NULL,
    message_id text NOT NULL,
    taken_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, dedupe_key)
);
COMMENT ON TABLE outbox_dedupe_keys IS 'The dedupe keys of the last 24 hours, and which message has each.';
CREATE INDEX outbox_dedupe_keys_taken_at_idx ON outbox_dedupe_keys (taken_at);

-- Takes the key of a new message.
-- returns  NULL: it is the message's; else the id of the message that has had it for less than 24 hours
CREATE FUNCTION pgcourier_take_dedupe_key(tenant text, key text, message text) RETURNS text
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    held outbox_dedupe_keys;
BEGIN
    LOOP
        INSERT INTO outbox_dedupe_keys (tenant_id, dedupe_key, message_id, taken_at)
        VALUES (tenant, key, message, clock_timestamp())
        ON CONFLICT (tenant_id, dedupe_key) DO NOTHING;
        IF FOUND THEN
            RETURN NULL;
        END IF;
        SELECT k.* INTO held FROM outbox_dedupe_keys AS k WHERE k.tenant_id = tenant AND k.dedupe_key = key FOR UPDATE;
        CONTINUE WHEN NOT FOUND;  -- forgotten a moment ago
        -- A statement of its own: it must see the message of a writer that we have waited for. A message that was deleted,
        -- or never came to be since its row was in conflict with another, keeps no key.
        IF held.taken_at > clock_timestamp() - interval '24 hours'
           AND EXISTS (SELECT FROM messages_out AS m WHERE m.id = held.message_id AND m.dedupe_key = key) THEN
            -- The same row once more: its primary key decides, as the writer's ON CONFLICT says.
            RETURN nullif(held.message_id, message);
        END IF;
        UPDATE outbox_dedupe_keys AS k SET message_id = message, taken_at = clock_timestamp()
        WHERE k.tenant_id = tenant AND k.dedupe_key = key;
        RETURN NULL;
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION pgcourier_check_message_out() RETURNS trigger
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    first text;
    kind text;
BEGIN
    NEW."to" := pgcourier_bare_address(NEW."to");
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
    NEW.created_at := pgcourier_utc_if_now(NEW.created_at);
    NEW.updated_at := pgcourier_utc_if_now(NEW.updated_at);
    NEW.next_attempt_at := pgcourier_utc_if_now(NEW.next_attempt_at);

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
    first := pgcourier_take_dedupe_key(NEW.tenant_id, NEW.dedupe_key, NEW.id);
    IF first IS NULL THEN
        RETURN NEW;
    END IF;
    IF NEW.on_duplicate = 'ignore' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'messages_out.dedupe_key was used within 24 hours, by message %', first
        USING ERRCODE = 'unique_violation', HINT = 'With on_duplicate = ''ignore'' a second row is dropped without an error.';
END $$;

CREATE OR REPLACE FUNCTION pgcourier_queue_messages_out() RETURNS trigger
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO outbox_queue (seq, message_id, tenant_id, recipient, due_at, expires_at)
    SELECT n.seq, n.id, n.tenant_id, n."to",
           least(greatest(n.send_at, n.next_attempt_at AT TIME ZONE 'UTC', now()), n.expires_at), n.expires_at
    FROM new_rows AS n
    WHERE n.status = 'pending' AND n.held_reason IS NULL;
    RETURN NULL;
END $$;

-- What is put back after a failure expires as well. A claim looks at it then at the latest, so that what stands behind
-- it goes on without waiting for a retry that will not be.
CREATE FUNCTION pgcourier_keep_expiry() RETURNS trigger
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    SELECT m.expires_at INTO NEW.expires_at FROM messages_out AS m WHERE m.seq = NEW.seq;
    NEW.due_at := least(NEW.due_at, NEW.expires_at);
    RETURN NEW;
END $$;
CREATE TRIGGER pgcourier_keep_expiry BEFORE INSERT ON outbox_queue
    FOR EACH ROW WHEN (NEW.is_retry AND NEW.expires_at IS NULL) EXECUTE FUNCTION pgcourier_keep_expiry();

-- A message for later wakes the sender too: it then knows until when it may sleep.
DROP TRIGGER pgcourier_wake ON outbox_queue;
CREATE CONSTRAINT TRIGGER pgcourier_wake AFTER INSERT ON outbox_queue DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.due_at <= clock_timestamp() OR NOT NEW.is_retry) EXECUTE FUNCTION pgcourier_wake_sender();

-- A callback that fits no message yet is put aside for a moment, so that many of them hold up nobody.
ALTER TABLE delivery_events ADD COLUMN look_again_at timestamptz;
COMMENT ON COLUMN delivery_events.look_again_at IS 'It fitted no message: the answer to the create call may still come.';
DROP INDEX delivery_events_unsettled_idx;
CREATE INDEX delivery_events_unsettled_idx ON delivery_events (id) WHERE settled_at IS NULL AND look_again_at IS NULL;
CREATE INDEX delivery_events_look_again_idx ON delivery_events (look_again_at) WHERE settled_at IS NULL;

-- ---- One person, several addresses ------------------------------------------------------------------------------

CREATE INDEX opt_out_history_event_id_idx ON opt_out_history (event_id) WHERE event_id IS NOT NULL;

-- Records one word of one person and makes opt_outs say what the newest word says, of every address of the person that we
-- know: a number and a user id that came with one word belong together, and the next word may come from one of them alone.
-- When the newest word is a stop, what waits for the person is blocked. The words of a tenant's people are taken one at a
-- time, whoever records them: that of a person's addresses could be waited for in two orders.
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
