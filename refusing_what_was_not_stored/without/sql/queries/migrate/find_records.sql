-- migrate.find_records: which of the two records of migrations stand in the search path.
SELECT to_regclass('pgcourier_migrations') IS NOT NULL, to_regclass('_prisma_migrations') IS NOT NULL;
