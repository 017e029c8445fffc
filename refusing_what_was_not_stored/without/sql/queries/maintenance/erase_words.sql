-- maintenance.erase_words: of what a person said to a tenant only the last STOP is left, and the opt-out that follows from it,
-- both under a hash of the address. Comes after erase_words_lock.sql. What somebody has locked stays for the next round.
-- $1 tenant id text  $2 addresses text[]  $3 only count boolean  $4 words of an address, the oldest first bigint: the rest comes with
-- the next round
-- returns  rows changed or deleted, or to be so; rows left behind
WITH person AS MATERIALIZED (
    SELECT a.address, pgcourier_erased_address($1::text, a.address) AS hash FROM unnest($2::text[]) AS a (address)),
opted_out AS MATERIALIZED (
    SELECT o.id, p.address, p.hash, f.written = p.hash AS is_hashed
    FROM person AS p
    CROSS JOIN LATERAL (VALUES (p.address), ('whatsapp:' || p.address), (p.hash)) AS f (written)
    CROSS JOIN LATERAL (
        SELECT r.id FROM opt_outs AS r WHERE r.tenant_id = $1 AND r.phone_number = f.written OFFSET 0) AS o),
words AS MATERIALIZED (
    SELECT w.id, p.hash, w.is_last_stop AND p.address IN (SELECT o.address FROM opted_out AS o) AS is_kept
    FROM person AS p
    CROSS JOIN LATERAL (
        SELECT x.id, x.word = 'stop' AND x.place = 1 AS is_last_stop
        FROM (SELECT h.id, h.word, row_number() OVER (ORDER BY h.occurred_at DESC, h.id DESC) AS place
              FROM opt_out_history AS h WHERE h.tenant_id = $1 AND h.phone_number = p.address) AS x
        ORDER BY x.place DESC LIMIT $4::bigint) AS w),
locked_words AS MATERIALIZED (
    SELECT h.id FROM opt_out_history AS h
    WHERE NOT $3::boolean AND h.id = ANY (ARRAY(SELECT w.id FROM words AS w))
    FOR UPDATE SKIP LOCKED),
locked_opt_outs AS MATERIALIZED (
    SELECT r.id FROM opt_outs AS r
    WHERE NOT $3 AND r.id = ANY (ARRAY(SELECT o.id FROM opted_out AS o WHERE NOT o.is_hashed))
    FOR UPDATE SKIP LOCKED),
forgotten AS (
    DELETE FROM opt_out_history AS h
    WHERE h.id = ANY (ARRAY(SELECT l.id FROM locked_words AS l EXCEPT SELECT w.id FROM words AS w WHERE w.is_kept))),
hashed_words AS (
    UPDATE opt_out_history AS h SET phone_number = w.hash
    FROM words AS w WHERE w.is_kept AND h.id = w.id AND w.id = ANY (ARRAY(SELECT l.id FROM locked_words AS l))),
-- One that was erased before, and said STOP once more, is there under the hash already.
hashes AS MATERIALIZED (
    SELECT o.id, o.hash,
           row_number() OVER (PARTITION BY o.address ORDER BY o.id) > 1
           OR o.address IN (SELECT h.address FROM opted_out AS h WHERE h.is_hashed) AS is_there
    FROM opted_out AS o WHERE NOT o.is_hashed AND o.id = ANY (ARRAY(SELECT l.id FROM locked_opt_outs AS l))),
doubled AS (
    DELETE FROM opt_outs AS r USING hashes AS h WHERE r.id = h.id AND h.is_there),
hashed AS (
    UPDATE opt_outs AS r SET phone_number = h.hash
    FROM hashes AS h WHERE r.id = h.id AND NOT h.is_there)
SELECT CASE WHEN $3 THEN c.found ELSE c.locked END AS changed, CASE WHEN $3 THEN 0 ELSE c.found - c.locked END AS busy
FROM (SELECT (SELECT count(*) FROM words) + (SELECT count(*) FROM opted_out AS o WHERE NOT o.is_hashed) AS found,
             (SELECT count(*) FROM locked_words) + (SELECT count(*) FROM locked_opt_outs) AS locked) AS c;
