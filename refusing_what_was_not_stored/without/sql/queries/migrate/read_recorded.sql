-- migrate.read_recorded: what was done to this database, in order.
SELECT name, checksum, origin, requires_program, applied_at
FROM pgcourier_migrations
ORDER BY name;
