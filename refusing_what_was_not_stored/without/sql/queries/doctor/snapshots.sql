-- doctor.snapshots: the oldest snapshot of a session of this database, and the oldest prepared transaction. While one stands, no
-- dead row is removed. Sessions of others are hidden from whoever has no pg_read_all_stats: they are only counted.
WITH sessions AS MATERIALIZED (
    SELECT a.xact_start, format('%s (pid %s, %s)', coalesce(nullif(a.application_name, ''), 'a session'), a.pid, a.state) AS who, a.pid
    FROM pg_stat_activity AS a
    WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.backend_type IS DISTINCT FROM 'autovacuum worker'
      AND (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL)),
prepared AS MATERIALIZED (
    SELECT p.prepared, p.gid FROM pg_prepared_xacts AS p WHERE p.database = current_database())
SELECT coalesce(round(extract(epoch FROM clock_timestamp() - (SELECT min(s.xact_start) FROM sessions AS s)))::bigint, 0) AS seconds,
       (SELECT s.who FROM sessions AS s WHERE s.xact_start IS NOT NULL ORDER BY s.xact_start LIMIT 1) AS who,
       (SELECT s.pid FROM sessions AS s WHERE s.xact_start IS NOT NULL ORDER BY s.xact_start LIMIT 1) AS pid,
       (SELECT count(*) FROM sessions AS s WHERE s.xact_start IS NULL) AS hidden,
       (SELECT count(*) FROM prepared) AS prepared,
       coalesce(round(extract(epoch FROM clock_timestamp() - (SELECT min(p.prepared) FROM prepared AS p)))::bigint, 0) AS prepared_seconds,
       (SELECT p.gid FROM prepared AS p ORDER BY p.prepared LIMIT 1) AS gid;
