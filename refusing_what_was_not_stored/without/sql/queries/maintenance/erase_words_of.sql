-- maintenance.erase_words_of: the tenants to whom the person said STOP or START: each is looked up by tenant and address, whatever
-- stands in the tables besides. History outlives its tenant, so the tenants in it are found by stepping through its index.
-- $1 addresses text[]
WITH RECURSIVE spoken_to (tenant_id) AS (
    (SELECT h.tenant_id FROM opt_out_history AS h ORDER BY h.tenant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT h.tenant_id FROM opt_out_history AS h WHERE h.tenant_id > s.tenant_id ORDER BY h.tenant_id LIMIT 1)
    FROM spoken_to AS s WHERE s.tenant_id IS NOT NULL)
SELECT w.tenant_id
FROM (SELECT s.tenant_id
      FROM spoken_to AS s
      CROSS JOIN unnest($1::text[]) AS a (address)
      CROSS JOIN LATERAL (
          SELECT FROM opt_out_history AS h WHERE h.tenant_id = s.tenant_id AND h.phone_number = a.address LIMIT 1) AS h
      UNION
      SELECT t.id
      FROM tenants AS t
      CROSS JOIN unnest($1) AS a (address)
      CROSS JOIN LATERAL (VALUES (a.address), ('whatsapp:' || a.address)) AS f (written)
      CROSS JOIN LATERAL (
          SELECT FROM opt_outs AS o WHERE o.tenant_id = t.id AND o.phone_number = f.written OFFSET 0) AS o) AS w
ORDER BY w.tenant_id;
