-- backfill.now: the database's clock, in ms since 1970, and from when on everything is kept.
-- $1 RETENTION_DAYS as this process has them integer
-- returns  both in ms since 1970
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms,
       (extract(epoch FROM greatest(clock_timestamp() - $1::integer * interval '1 day',
                                    (SELECT p.pruned_before FROM retention_passes AS p
                                     WHERE p.table_name = 'webhook_events'))) * 1000)::bigint AS kept_from_ms;
