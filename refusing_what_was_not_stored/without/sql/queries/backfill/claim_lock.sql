-- backfill.claim_lock: one process at a time looks for what it may take; the claim comes after it in the same transaction and
-- sees what the others took.
SELECT pg_advisory_xact_lock(hashtext('pgcourier_backfill'));
