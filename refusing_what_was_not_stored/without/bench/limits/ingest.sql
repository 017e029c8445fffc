-- limits/ingest: store events in one statement that is a transaction of its own, queue them and notify once. The server makes
-- the values itself: nothing is parsed or carried over.
-- (A colon before a letter is a variable to pgbench, also inside of quotes.)
-- :batch rows
WITH event AS (
    INSERT INTO webhook_events (key, kind, format, raw, payload, "from", "to", correlation_id)
    SELECT 'msg' || ':' || 'SM' || replace(gen_random_uuid()::text, '-', ''), 'inbound', 'form', convert_to(repeat('Body=Bonjour&', 35), 'UTF8'),
           '{"To": "whatsapp:+33700000001", "Body": "Bonjour, avez-vous encore la robe en 38 ?", "From": "whatsapp:+33612345678",
             "WaId": "33612345678", "MessageSid": "SM00000000000000000000000000000000", "ProfileName": "Zoé"}'::jsonb,
           '+33612345678', '+33700000001', gen_random_uuid()::text
    FROM generate_series(1, :batch::integer)
    ON CONFLICT (key) DO NOTHING
    RETURNING id),
queued AS (
    INSERT INTO webhook_queue (id)
    SELECT id FROM event)
SELECT count(*) AS stored, pg_notify('pgcourier_events', '') AS woken FROM event \gset
