-- What Twilio took while nobody received it is fetched from its list of messages afterwards.

-- NULL for what came as a webhook: it was said when it was received.
ALTER TABLE webhook_events ADD COLUMN occurred_at timestamptz;
COMMENT ON COLUMN webhook_events.occurred_at IS 'Backfilled events: Twilio''s date of it. NULL: when it was received.';

CREATE TABLE receiving (
    is_only           boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    last_receiving_at timestamptz NOT NULL
);
COMMENT ON TABLE receiving IS 'One row: when a process that receives webhooks last said so; each few seconds when one runs. None yet: none ever ran.';

CREATE TABLE backfills (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    asked_by            text NOT NULL,
    is_automatic        boolean NOT NULL,
    since               timestamptz NOT NULL,
    until               timestamptz NOT NULL,
    asked_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    sending_waits_until timestamptz,
    due_at              timestamptz NOT NULL DEFAULT clock_timestamp(),
    token               text,
    instance_id         text,
    step                text NOT NULL DEFAULT 'words' CHECK (step IN ('words', 'messages', 'deliveries')),
    number              text NOT NULL DEFAULT '',
    day                 date,
    reading_until       timestamptz,
    covered_until       timestamptz,
    fetched             bigint NOT NULL DEFAULT 0,
    with_media          bigint NOT NULL DEFAULT 0,
    without_content     bigint NOT NULL DEFAULT 0,
    media_missing       bigint NOT NULL DEFAULT 0,
    unreadable          bigint NOT NULL DEFAULT 0,
    deliveries          bigint NOT NULL DEFAULT 0,
    failures            integer NOT NULL DEFAULT 0,
    last_error          text,
    first_pass_at       timestamptz,
    ended_at            timestamptz
);
COMMENT ON TABLE backfills IS 'The gaps for which Twilio''s list was read, or is to be read, and how far that is. Whoever does it is killed: another process goes on.';
COMMENT ON COLUMN backfills.asked_by IS 'outage, or the person who gave the command.';
COMMENT ON COLUMN backfills.since IS 'From when messages may be missing; until: when receiving went on.';
COMMENT ON COLUMN backfills.sending_waits_until IS 'Nothing is sent until each STOP of the gap is known, or until then at the latest; NULL: sending need not wait.';
COMMENT ON COLUMN backfills.due_at IS 'When a process may take it; while one has it (token), until when it is that one''s.';
COMMENT ON COLUMN backfills.step IS 'words: STOP and START are fetched; then the messages; then what became of sent ones. number, day: where in the step.';
COMMENT ON COLUMN backfills.reading_until IS 'Up to which of Twilio''s dates the walk under way reads; that of its beginning, whoever goes on with it.';
COMMENT ON COLUMN backfills.covered_until IS 'Twilio''s list was read up to this time of its dates. What is younger than a minute is left to the webhooks at first.';
COMMENT ON COLUMN backfills.fetched IS 'Messages that were missing and are there now.';
COMMENT ON COLUMN backfills.without_content IS 'Of these, those with neither text nor media: Twilio''s list does not tell what they were, a location or a contact, perhaps.';
COMMENT ON COLUMN backfills.media_missing IS 'Of these, those whose media Twilio did not tell any more.';
COMMENT ON COLUMN backfills.deliveries IS 'States of sent messages whose callbacks had been missed.';
COMMENT ON COLUMN backfills.first_pass_at IS 'When every STOP of the gap was known.';
CREATE INDEX backfills_open_idx ON backfills (due_at) WHERE ended_at IS NULL;
-- Read by each claim of the outbox; empty nearly always.
CREATE INDEX backfills_sending_waits_idx ON backfills (sending_waits_until) WHERE sending_waits_until IS NOT NULL;
