-- What is still to be told outside (ALERT_WEBHOOK_URL) of alerts that began or ended: by whichever instance has somebody to tell,
-- again when it could not be told or its teller ended.

CREATE TABLE alert_posts (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    figure         text NOT NULL,
    is_alert       boolean NOT NULL,
    value          text,
    advice         text,
    correlation_id text NOT NULL,
    seconds        bigint NOT NULL,
    turned_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    posts          int NOT NULL DEFAULT 0,
    leased_until   timestamptz NOT NULL DEFAULT '-infinity'
);
COMMENT ON TABLE alert_posts IS 'Changes of alerts_open that are still to be posted to ALERT_WEBHOOK_URL; a row goes when it was, or after an hour.';
COMMENT ON COLUMN alert_posts.is_alert IS 'Whether the alert began; else it ended.';
COMMENT ON COLUMN alert_posts.seconds IS 'For how long it had been an alert.';
COMMENT ON COLUMN alert_posts.posts IS 'How often some instance began to post it.';
COMMENT ON COLUMN alert_posts.leased_until IS 'Until then it is being posted; afterwards whoever can posts it again.';
