-- maintenance.erase_words_of: the tenants to whom the person said STOP or START, in the order in which the router takes them.
-- $1 addresses text[]
SELECT w.tenant_id
FROM (SELECT o.tenant_id FROM opt_outs AS o WHERE pgcourier_bare_address(o.phone_number) = ANY ($1::text[])
      UNION
      SELECT h.tenant_id FROM opt_out_history AS h WHERE h.phone_number = ANY ($1)) AS w
ORDER BY w.tenant_id;
