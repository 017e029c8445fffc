-- maintenance.erasure_claim: takes the next step of an erasure, unless somebody else is just making it. The row stays locked
-- until the step is committed together with what it did.
-- $1 id text
SELECT e.id, e.addresses, e.asked_at, e.through_seq, e.step, e.page, e.changed, e.busy,
       coalesce(pg_relation_size(to_regclass(CASE e.step WHEN 'find' THEN 'webhook_events' ELSE e.step END))
                / current_setting('block_size')::bigint, 0) AS pages,
       e.refusal,
       coalesce(e.told_at NOT BETWEEN clock_timestamp() - interval '1 h' AND clock_timestamp() + interval '2 s', true) AS is_to_be_told
FROM erasures AS e
WHERE e.id = $1::text
FOR UPDATE SKIP LOCKED;
