-- The inbox: every webhook as it was received, and the narrow queue of those still to be routed.

-- Keys are compared for equality only: bytewise, whatever the database's language, which costs many times more.
CREATE TABLE webhook_events (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key            text COLLATE "C" NOT NULL,
    kind           text NOT NULL,
    source         text NOT NULL DEFAULT 'webhook',
    format         text NOT NULL,
    raw            bytea NOT NULL,
    query          text NOT NULL DEFAULT '',
    payload        jsonb NOT NULL,
    "from"         text NOT NULL DEFAULT '',
    "to"           text NOT NULL DEFAULT '',
    correlation_id text NOT NULL,
    received_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT webhook_events_key_key UNIQUE (key)
);
COMMENT ON TABLE webhook_events IS 'The raw inbox, append-only: one row for each event that Twilio told us, whatever the number of deliveries.';
COMMENT ON COLUMN webhook_events.key IS 'Idempotency key: msg:<MessageSid>, status:<MessageSid>:<MessageStatus>, else raw:<token or sha256>.';
COMMENT ON COLUMN webhook_events.kind IS 'inbound, status or unrecognized.';
COMMENT ON COLUMN webhook_events.source IS 'webhook, or backfill when it was fetched from Twilio''s message list afterwards.';
COMMENT ON COLUMN webhook_events.format IS 'form or json: how raw is to be read.';
COMMENT ON COLUMN webhook_events.raw IS 'The body exactly as received.';
COMMENT ON COLUMN webhook_events.query IS 'The query string exactly as received; status callbacks carry their message there.';
COMMENT ON COLUMN webhook_events.payload IS 'The body as JSON, for people; U+0000 and lone surrogates are U+FFFD.';
COMMENT ON COLUMN webhook_events."from" IS 'The sender without whatsapp:, as the router compares it; empty when the event has none.';
COMMENT ON COLUMN webhook_events."to" IS 'The receiver without whatsapp:.';
-- Retention deletes by time; ids and times grow together, so that a block range index is enough.
CREATE INDEX webhook_events_received_at_idx ON webhook_events USING brin (received_at);

CREATE TABLE webhook_queue (
    id       bigint PRIMARY KEY,
    attempts smallint NOT NULL DEFAULT 0,
    due_at   timestamptz
) WITH (fillfactor = 90);
COMMENT ON TABLE webhook_queue IS 'What is to be routed. Rows are claimed with SKIP LOCKED and deleted when routed.';
COMMENT ON COLUMN webhook_queue.id IS 'The event: webhook_events.id.';
COMMENT ON COLUMN webhook_queue.attempts IS 'How often it was tried alone, after it had failed in a batch.';
COMMENT ON COLUMN webhook_queue.due_at IS 'NULL: never failed, due at once, claimed in the order of ids. Else tried alone, from then on.';
CREATE INDEX webhook_queue_due_at_idx ON webhook_queue (due_at) WHERE due_at IS NOT NULL;

-- The numbers in tenants and seller_phones are compared as they stand: without whatsapp: and without spaces around.
CREATE FUNCTION pgcourier_bare_address(address text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
    RETURN regexp_replace(btrim(address), '^whatsapp:', '', 'i');
COMMENT ON FUNCTION pgcourier_bare_address IS 'The address without a leading whatsapp: and without spaces around.';

-- now() written into a timestamp without time zone is the session's local time; these columns hold UTC.
CREATE FUNCTION pgcourier_utc_if_now(value timestamp) RETURNS timestamp
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN value = now()::timestamp(3) OR value = now()::timestamp THEN now() AT TIME ZONE 'UTC' ELSE value END;
COMMENT ON FUNCTION pgcourier_utc_if_now IS 'What NOW() in a hand-typed insert means: the moment in UTC, whatever the time zone of the session.';

CREATE FUNCTION pgcourier_normalise_tenant() RETURNS trigger
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    NEW.whatsapp_phone_number := nullif(pgcourier_bare_address(NEW.whatsapp_phone_number), '');
    NEW.created_at := pgcourier_utc_if_now(NEW.created_at);
    NEW.updated_at := pgcourier_utc_if_now(NEW.updated_at);
    RETURN NEW;
END $$;
CREATE TRIGGER pgcourier_normalise BEFORE INSERT OR UPDATE OF whatsapp_phone_number ON tenants
    FOR EACH ROW EXECUTE FUNCTION pgcourier_normalise_tenant();

CREATE FUNCTION pgcourier_normalise_seller_phone() RETURNS trigger
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    NEW.phone_number := pgcourier_bare_address(NEW.phone_number);
    NEW.created_at := pgcourier_utc_if_now(NEW.created_at);
    RETURN NEW;
END $$;
CREATE TRIGGER pgcourier_normalise BEFORE INSERT OR UPDATE OF phone_number ON seller_phones
    FOR EACH ROW EXECUTE FUNCTION pgcourier_normalise_seller_phone();

ALTER TABLE tenants ALTER COLUMN id SET DEFAULT gen_random_uuid()::text,
    ALTER COLUMN created_at SET DEFAULT (now() AT TIME ZONE 'UTC'),
    ALTER COLUMN updated_at SET DEFAULT (now() AT TIME ZONE 'UTC');
ALTER TABLE seller_phones ALTER COLUMN id SET DEFAULT gen_random_uuid()::text,
    ALTER COLUMN created_at SET DEFAULT (now() AT TIME ZONE 'UTC');
-- The unique index (tenant_id, phone_number) serves its lookups too.
DROP INDEX IF EXISTS seller_phones_tenant_id_idx;
