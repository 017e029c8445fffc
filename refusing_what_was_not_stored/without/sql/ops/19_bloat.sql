-- What a long snapshot costs: rows that are dead and cannot be removed while somebody may still see them.

-- Rights of its owner, who may see more of other sessions than whoever asks.
-- hidden  sessions that have a snapshot and of which this database's owner may not know since when
CREATE FUNCTION ops.oldest_snapshot(OUT seconds numeric, OUT held_by text, OUT hidden bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    WITH holders (begun_at, who) AS (
        SELECT a.xact_start, format('%s (pid %s, %s)', coalesce(nullif(a.application_name, ''), 'a session'), a.pid, a.state)
        FROM pg_stat_activity AS a
        WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.backend_type IS DISTINCT FROM 'autovacuum worker'
          AND (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL)
        UNION ALL
        SELECT p.prepared, format('prepared transaction %s', p.gid) FROM pg_prepared_xacts AS p WHERE p.database = current_database())
    SELECT round(coalesce(greatest(extract(epoch FROM clock_timestamp() - min(h.begun_at)), 0), 0), 1),
           -- What ends within a moment is nobody's fault.
           (array_agg(h.who ORDER BY h.begun_at) FILTER (WHERE h.begun_at < clock_timestamp() - interval '0.1 s'))[1],
           count(*) FILTER (WHERE h.begun_at IS NULL)
    FROM holders AS h
$$;
COMMENT ON FUNCTION ops.oldest_snapshot IS 'How old the oldest snapshot of this database is, and who has it, from a tenth of a second on. While it stands, no dead row is removed and queues become slow.';

CREATE VIEW ops.bloat AS
SELECT b.name AS table_name, b.live_rows, b.dead_rows,
       round(100.0 * b.dead_rows / nullif(b.live_rows + b.dead_rows, 0), 1) AS dead_percent,
       pg_size_pretty(b.table_bytes) AS table_size, pg_size_pretty(b.index_bytes) AS index_size, b.table_bytes, b.index_bytes,
       b.vacuumed_at, b.analyzed_at,
       CASE WHEN b.dead_rows > 100000 AND b.dead_rows > b.live_rows THEN 'alert'
            WHEN b.dead_rows > 20000 AND b.dead_rows > b.live_rows / 2 THEN 'warning' ELSE 'ok' END AS state
FROM (SELECT t.name, pg_stat_get_live_tuples(t.oid) AS live_rows, pg_stat_get_dead_tuples(t.oid) AS dead_rows,
             pg_table_size(t.oid) AS table_bytes, pg_indexes_size(t.oid) AS index_bytes,
             greatest(pg_stat_get_last_vacuum_time(t.oid), pg_stat_get_last_autovacuum_time(t.oid)) AS vacuumed_at,
             greatest(pg_stat_get_last_analyze_time(t.oid), pg_stat_get_last_autoanalyze_time(t.oid)) AS analyzed_at
      FROM (VALUES ('webhook_events', 'webhook_events'::regclass), ('webhook_queue', 'webhook_queue'::regclass),
                   ('messages_in', 'messages_in'::regclass), ('messages_out', 'messages_out'::regclass),
                   ('outbox_queue', 'outbox_queue'::regclass), ('outbox_leases', 'outbox_leases'::regclass),
                   ('outbox_scopes', 'outbox_scopes'::regclass), ('outbox_dedupe_keys', 'outbox_dedupe_keys'::regclass),
                   ('delivery_events', 'delivery_events'::regclass), ('event_log', 'event_log'::regclass),
                   ('dead_letter_jobs', 'dead_letter_jobs'::regclass), ('opt_outs', 'opt_outs'::regclass),
                   ('opt_out_history', 'opt_out_history'::regclass), ('instances', 'instances'::regclass)) AS t (name, oid)) AS b;
COMMENT ON VIEW ops.bloat IS 'How large the tables are and how much of them is dead rows. Much of it: SELECT * FROM ops.oldest_snapshot(), end who has it, then VACUUM the table.';
COMMENT ON COLUMN ops.bloat.table_name IS 'The table.';
COMMENT ON COLUMN ops.bloat.live_rows IS 'Rows, as PostgreSQL''s statistics count them.';
COMMENT ON COLUMN ops.bloat.dead_rows IS 'Rows that are deleted or replaced and not yet removed.';
COMMENT ON COLUMN ops.bloat.dead_percent IS 'The dead ones'' share.';
COMMENT ON COLUMN ops.bloat.table_size IS 'Of the table and what it holds out of line.';
COMMENT ON COLUMN ops.bloat.index_size IS 'Of its indexes.';
COMMENT ON COLUMN ops.bloat.table_bytes IS 'The same in bytes.';
COMMENT ON COLUMN ops.bloat.index_bytes IS 'The same in bytes.';
COMMENT ON COLUMN ops.bloat.vacuumed_at IS 'When dead rows were last removed, by itself or by hand.';
COMMENT ON COLUMN ops.bloat.analyzed_at IS 'When its statistics were last made.';
COMMENT ON COLUMN ops.bloat.state IS 'alert: more dead rows than others, and more than 100,000; warning: half as many, and more than 20,000.';
