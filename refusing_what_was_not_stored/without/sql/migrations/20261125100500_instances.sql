-- The running processes. A row goes when its process ends cleanly; one that stays behind tells of a crash.
CREATE TABLE instances (
    id           text PRIMARY KEY,
    host         text NOT NULL,
    pid          integer NOT NULL,
    version      text NOT NULL,
    roles        text NOT NULL,
    started_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    heartbeat_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE instances IS 'The running processes of pgcourier; a row that stays without heartbeat tells of a crash.';
