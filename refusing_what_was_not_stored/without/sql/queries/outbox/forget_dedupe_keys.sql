-- outbox.forget_dedupe_keys: keys that were taken more than 24 hours ago refuse nothing any more. Serves from
-- outbox_dedupe_keys_taken_at_idx. One that a writer is just taking again is left.
-- $1 limit integer
WITH old AS MATERIALIZED (
    SELECT k.tenant_id, k.dedupe_key
    FROM outbox_dedupe_keys AS k
    WHERE k.taken_at <= now() - interval '24 hours'
    ORDER BY k.taken_at
    LIMIT $1::integer
    FOR UPDATE SKIP LOCKED)
DELETE FROM outbox_dedupe_keys AS k USING old AS o
WHERE k.tenant_id = o.tenant_id AND k.dedupe_key = o.dedupe_key;
