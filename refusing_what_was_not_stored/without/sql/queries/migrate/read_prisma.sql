-- migrate.read_prisma: what Prisma did to this database. One migration may have several rows: attempts that were rolled
-- back, and a good one.
SELECT migration_name, bool_or(finished_at IS NOT NULL AND rolled_back_at IS NULL) AS is_finished,
       bool_or(finished_at IS NULL AND rolled_back_at IS NULL) AS is_open, max(finished_at) AS finished_at
FROM _prisma_migrations
GROUP BY migration_name
ORDER BY migration_name;
