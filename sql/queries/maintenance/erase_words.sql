-- maintenance.erase_words: of what a person said to a tenant only the last STOP is left, and the opt-out that follows from it,
-- both under a hash of the address. Comes after erase_words_lock.sql.
-- $1 tenant id text  $2 addresses text[]  $3 only count boolean
-- returns  rows changed or deleted, or to be so
WITH opted_out AS MATERIALIZED (
    SELECT o.id, pgcourier_bare_address(o.phone_number) AS address
    FROM opt_outs AS o
    WHERE o.tenant_id = $1::text AND pgcourier_bare_address(o.phone_number) = ANY ($2::text[])),
words AS MATERIALIZED (
    SELECT h.id, h.phone_number AS address,
           h.word = 'stop' AND h.phone_number IN (SELECT o.address FROM opted_out AS o)
           AND row_number() OVER (PARTITION BY h.phone_number ORDER BY h.occurred_at DESC, h.id DESC) = 1 AS is_kept
    FROM opt_out_history AS h
    WHERE h.tenant_id = $1 AND h.phone_number = ANY ($2)),
forgotten AS (
    DELETE FROM opt_out_history AS h USING words AS w WHERE NOT $3::boolean AND h.id = w.id AND NOT w.is_kept),
hashed_words AS (
    UPDATE opt_out_history AS h SET phone_number = pgcourier_erased_address($1, w.address)
    FROM words AS w WHERE NOT $3 AND h.id = w.id AND w.is_kept),
-- One that was erased before, and said STOP once more, is there under the hash already.
hashes AS MATERIALIZED (
    SELECT o.id, o.address, pgcourier_erased_address($1, o.address) AS hash,
           row_number() OVER (PARTITION BY o.address ORDER BY o.id) > 1
           OR EXISTS (SELECT FROM opt_outs AS p
                      WHERE p.tenant_id = $1 AND p.phone_number = pgcourier_erased_address($1, o.address)) AS is_there
    FROM opted_out AS o),
doubled AS (
    DELETE FROM opt_outs AS o USING hashes AS h WHERE NOT $3 AND o.id = h.id AND h.is_there),
hashed AS (
    UPDATE opt_outs AS o SET phone_number = h.hash
    FROM hashes AS h WHERE NOT $3 AND o.id = h.id AND NOT h.is_there)
SELECT (SELECT count(*) FROM opted_out) AS opt_outs, (SELECT count(*) FROM words) AS words;
