-- maintenance.erase_find_words: the other addresses that a STOP or START of the person came with, also one of which only the hash is
-- left. Looked up as in erase_words_of.sql.
-- $1 addresses text[]
WITH RECURSIVE spoken_to (tenant_id) AS (
    (SELECT h.tenant_id FROM opt_out_history AS h ORDER BY h.tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT h.tenant_id FROM opt_out_history AS h WHERE h.tenant_id > s.tenant_id ORDER BY h.tenant_id LIMIT 1)
    FROM spoken_to AS s WHERE s.tenant_id IS NOT NULL)
SELECT DISTINCT other.phone_number
FROM spoken_to AS s
CROSS JOIN unnest($1::text[]) AS a (address)
CROSS JOIN LATERAL (VALUES (a.address), (pgcourier_erased_address(s.tenant_id, a.address))) AS f (written)
CROSS JOIN LATERAL (
    SELECT h.event_id FROM opt_out_history AS h WHERE h.tenant_id = s.tenant_id AND h.phone_number = f.written OFFSET 0) AS own
CROSS JOIN LATERAL (
    SELECT h.tenant_id, h.phone_number FROM opt_out_history AS h WHERE h.event_id = own.event_id OFFSET 0) AS other
WHERE other.tenant_id = s.tenant_id AND other.phone_number <> ALL ($1) AND other.phone_number NOT LIKE 'erased:%';
