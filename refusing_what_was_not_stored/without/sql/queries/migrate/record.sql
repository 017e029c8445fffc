-- migrate.record: one migration is done.
-- $1 name  $2 checksum (of our file, sha256)  $3 origin (pgcourier: run by us, prisma: found)  $4 required program
INSERT INTO pgcourier_migrations (name, checksum, origin, requires_program)
VALUES ($1, $2, $3, $4::integer);
