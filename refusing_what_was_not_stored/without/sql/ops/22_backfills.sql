CREATE VIEW ops.backfills AS
SELECT b.id, b.asked_by, b.since, b.until,
       CASE WHEN b.ended_at IS NOT NULL THEN 'ended' WHEN b.failures > 0 THEN 'failing'
            WHEN b.token IS NOT NULL AND b.due_at > now() THEN 'running' ELSE 'waiting' END AS state,
       b.fetched, b.with_media, b.without_content, b.media_missing, b.deliveries,
       CASE WHEN b.ended_at IS NULL THEN b.step END AS step, ops.masked(nullif(b.number, '')) AS number, b.day,
       b.first_pass_at, CASE WHEN b.sending_waits_until > now() AND b.sending_waits_until <= now() + interval '31 s' THEN b.sending_waits_until END AS sending_waits_until,
       CASE WHEN b.ended_at IS NULL THEN b.due_at END AS due_at, b.failures, ops.masked_text(b.last_error) AS last_error, b.ended_at
FROM backfills AS b;
COMMENT ON VIEW ops.backfills IS 'The gaps for which Twilio''s list was read, or is to be read, how far that is and what it found.';
COMMENT ON COLUMN ops.backfills.id IS 'In the order in which they were found.';
COMMENT ON COLUMN ops.backfills.asked_by IS 'outage, or the person who gave the command.';
COMMENT ON COLUMN ops.backfills.since IS 'From when messages may be missing.';
COMMENT ON COLUMN ops.backfills.until IS 'When receiving went on; of a person''s, what was asked for.';
COMMENT ON COLUMN ops.backfills.state IS 'running; waiting for its next walk; failing: Twilio''s list could not be read, and is tried again; ended.';
COMMENT ON COLUMN ops.backfills.fetched IS 'Messages that were missing and are there now.';
COMMENT ON COLUMN ops.backfills.with_media IS 'Of these, those with media.';
COMMENT ON COLUMN ops.backfills.without_content IS 'Of these, those with neither text nor media: a location or a contact, perhaps.';
COMMENT ON COLUMN ops.backfills.media_missing IS 'Of these, those whose media Twilio did not tell any more.';
COMMENT ON COLUMN ops.backfills.deliveries IS 'States of sent messages whose callbacks had been missed.';
COMMENT ON COLUMN ops.backfills.step IS 'words: STOP and START are fetched; then messages; then deliveries, what became of sent ones.';
COMMENT ON COLUMN ops.backfills.number IS 'Where in the step; masked.';
COMMENT ON COLUMN ops.backfills.day IS 'Where in the step, in GMT.';
COMMENT ON COLUMN ops.backfills.first_pass_at IS 'When every STOP of the gap was known.';
COMMENT ON COLUMN ops.backfills.sending_waits_until IS 'Until when at the latest nothing is sent, while not every STOP of it is known.';
COMMENT ON COLUMN ops.backfills.due_at IS 'When a process may take it; while one runs it, until when it is that one''s.';
COMMENT ON COLUMN ops.backfills.failures IS 'In a row.';
COMMENT ON COLUMN ops.backfills.last_error IS 'Why Twilio''s list could not be read.';
COMMENT ON COLUMN ops.backfills.ended_at IS 'When all of it was read.';
