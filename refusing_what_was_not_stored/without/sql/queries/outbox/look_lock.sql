-- outbox.look_lock: one process at a time decides which listed message is whose; until the transaction ends. A statement
-- of its own, so that those after it see what the one before us has decided.
SELECT pg_advisory_xact_lock(hashtext('pgcourier'), hashtext('looks'));
