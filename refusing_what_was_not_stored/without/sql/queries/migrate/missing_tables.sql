-- migrate.missing_tables: the tables that the program works with and that are not there.
SELECT t.name
FROM unnest(ARRAY[
    'tenants', 'seller_phones', 'messages_in', 'messages_out', 'dead_letter_jobs', 'event_log', 'opt_outs',
    'webhook_events', 'webhook_queue', 'delivery_events', 'outbox_queue', 'outbox_leases', 'opt_out_history',
    'instances', 'outbox_scopes', 'outbox_pauses', 'retention_passes', 'erasures', 'receiving', 'backfills',
    'former_numbers', 'pgcourier_migrations']) WITH ORDINALITY AS t (name, place)
WHERE to_regclass(t.name) IS NULL
ORDER BY t.place;
