-- Which figures of ops.health are an alert, so that each change is told once, by one instance, and not again after a restart.

CREATE TABLE alerts_open (
    figure         text PRIMARY KEY,
    since          timestamptz NOT NULL DEFAULT clock_timestamp(),
    correlation_id text NOT NULL
);
COMMENT ON TABLE alerts_open IS 'The figures of ops.health that are an alert now; a row goes when its figure is one no longer.';
COMMENT ON COLUMN alerts_open.correlation_id IS 'Of the events alert_raised and alert_ended in event_log.';

CREATE TABLE alert_watch (
    is_only   boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    looked_at timestamptz NOT NULL DEFAULT '-infinity'
);
COMMENT ON TABLE alert_watch IS 'One row: when ops.health was last looked at for alerts, by whichever instance.';
INSERT INTO alert_watch DEFAULT VALUES;
