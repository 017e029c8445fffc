-- doctor.server: how this server keeps what it was given, and who asks. reset_val is what the session had before a
-- transaction changed it. Neon's storage is not the server's disk: its servers have fsync off.
SELECT current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_page_writes,
       (SELECT s.reset_val FROM pg_settings AS s WHERE s.name = 'synchronous_commit') AS synchronous_commit,
       current_setting('neon.timeline_id', true) IS NOT NULL AS is_neon,
       pg_is_in_recovery() AS is_standby, current_setting('transaction_read_only') AS read_only,
       pg_backend_pid() AS backend_pid, current_user AS role, current_setting('is_superuser') = 'on' AS is_superuser,
       coalesce((SELECT s.ssl FROM pg_stat_ssl AS s WHERE s.pid = pg_backend_pid()), false) AS has_tls;
