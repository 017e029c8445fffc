-- PgQ (Debian's postgresql-15-pgq3): one consumer, batches of 500 events, which is PgQ's own number (ticker_max_count).
CREATE EXTENSION pgq;
SELECT pgq.create_queue('bench') \gset
SELECT pgq.register_consumer('bench', 'consumer') \gset
CREATE PROCEDURE fill(events bigint) LANGUAGE plpgsql AS $$
BEGIN
    FOR batch IN 1 .. events / 500 LOOP
        PERFORM pgq.insert_event('bench', 'event', '{"body": "1"}') FROM generate_series(1, 500);
        COMMIT;
        PERFORM pgq.force_tick('bench');
        PERFORM pgq.ticker('bench');
        COMMIT;
    END LOOP;
END $$;
CALL fill(:jobs);
