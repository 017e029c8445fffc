-- cli.tenant_remove: take away a tenant that has done nothing yet: what belongs to it would go with it. After cli.tenant_lock, in
-- the same transaction: only a statement that begins after the lock sees the message that somebody was just writing.
-- $1 tenant's id text
DELETE FROM tenants AS t
WHERE t.id = $1::text AND NOT EXISTS (SELECT FROM messages_in AS m WHERE m.tenant_id = t.id)
  AND NOT EXISTS (SELECT FROM messages_out AS m WHERE m.tenant_id = t.id)
  AND NOT EXISTS (SELECT FROM opt_outs AS o WHERE o.tenant_id = t.id)
RETURNING t.id;
