-- How long the oldest due message had waited, minute by minute: once it is sent nothing else tells. A row is written by the tick
-- of whichever instance sees one that has been due for a second or more; without such nothing is written.
CREATE TABLE outbox_waits (
    minute    timestamptz PRIMARY KEY,
    due_at    timestamptz NOT NULL,
    looked_at timestamptz NOT NULL
);
COMMENT ON TABLE outbox_waits IS 'The message that was due longest in each minute of the last two hours in which one had to wait a second; paused ones left out.';
COMMENT ON COLUMN outbox_waits.due_at IS 'Since when it was due.';
COMMENT ON COLUMN outbox_waits.looked_at IS 'When it was last seen to wait.';
