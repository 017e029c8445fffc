-- A message that can go at once pays for one index of the queue less: only what waits for a later time is found by that
-- time, only what can go by its tenant. A claim takes the mark of what waits away when its time has come (ripen.sql).
ALTER TABLE outbox_queue ADD COLUMN is_delayed boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN outbox_queue.is_delayed IS 'It waits for due_at; taken away by a claim when that has come.';
UPDATE outbox_queue SET is_delayed = true WHERE due_at > now();
DROP INDEX outbox_queue_due_at_idx;
DROP INDEX outbox_queue_tenant_idx;
CREATE INDEX outbox_queue_ready_idx ON outbox_queue (tenant_id, due_at, seq) WHERE NOT is_delayed;
CREATE INDEX outbox_queue_delayed_idx ON outbox_queue (due_at, seq) WHERE is_delayed;

-- settle.sql and look_settle.sql write the expiry of what they put back themselves: the condition of a trigger was read
-- from its text in every INSERT of a new message too.
DROP TRIGGER pgcourier_keep_expiry ON outbox_queue;
DROP FUNCTION pgcourier_keep_expiry();

DO $migration$
BEGIN
    EXECUTE replace($part$
CREATE OR REPLACE FUNCTION pgcourier_queue_messages_out() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO "@".outbox_queue (seq, message_id, tenant_id, recipient, due_at, expires_at, is_delayed)
    SELECT NEW.seq, NEW.id, NEW.tenant_id, NEW."to",
           least(greatest(NEW.send_at, NEW.next_attempt_at AT TIME ZONE 'UTC', now()), NEW.expires_at), NEW.expires_at,
           coalesce(greatest(NEW.send_at, NEW.next_attempt_at AT TIME ZONE 'UTC') > now(), false)
    WHERE NEW.status = 'pending' AND NEW.held_reason IS NULL;
    RETURN NULL;
END $$;
$part$, '"@"', quote_ident(current_schema()));
END $migration$;
