-- maintenance.erase_words_lock: of some tenants those to whom nobody records a word just now, nor until the transaction ends. It waits
-- for none: whoever records words would wait for those that it has meanwhile. A statement of its own, so that the one after it sees
-- what was recorded before.
-- $1 tenant ids text[]
SELECT t.id
FROM unnest($1::text[]) AS t (id)
WHERE pg_try_advisory_xact_lock(hashtext('pgcourier_opt_out'), hashtext(t.id));
