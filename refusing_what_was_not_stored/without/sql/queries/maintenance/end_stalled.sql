-- maintenance.end_stalled: ends sessions of pgcourier whose process stands still, or whose machine is gone, in the midst of sending a
-- transaction, which undoes it: they would keep what they locked from everybody. Neither statement_timeout nor
-- idle_in_transaction_session_timeout runs while a pipeline waits for its rest. 25 s, since whoever works gives up after 20.
-- returns  the sessions
WITH stalled AS MATERIALIZED (  -- found whole before any is ended
    SELECT a.pid, a.application_name
    FROM pg_stat_activity AS a
    WHERE a.datname = current_database() AND a.usename = current_user AND a.application_name LIKE 'pgcourier/%'
      AND a.state = 'active' AND a.wait_event_type = 'Client' AND a.backend_xid IS NOT NULL
      AND a.state_change < clock_timestamp() - interval '25 seconds')
SELECT s.pid, s.application_name, pg_terminate_backend(s.pid) AS is_ended
FROM stalled AS s;
