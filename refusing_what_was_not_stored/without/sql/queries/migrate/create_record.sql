-- migrate.create_record: the record of what was done to this database.
CREATE TABLE IF NOT EXISTS pgcourier_migrations (
    name             text PRIMARY KEY,
    checksum         text NOT NULL,
    origin           text NOT NULL CHECK (origin IN ('pgcourier', 'prisma')),
    requires_program integer NOT NULL DEFAULT 0,
    applied_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
