-- migrate.set_max_attempts: tells the migration that runs in this transaction OUTBOX_MAX_RETRIES.
-- $1 attempts
SELECT set_config('pgcourier.max_attempts', $1, true);
