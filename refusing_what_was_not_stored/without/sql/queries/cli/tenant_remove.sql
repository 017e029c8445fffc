-- cli.tenant_remove: take away a tenant that has done nothing yet: what belongs to it would go with it. After cli.tenant_lock, in
-- the same transaction: only a statement that begins after the lock sees the message that somebody was just writing. The row of
-- event_log keeps its id: history has no foreign key.
-- $1 tenant's id text  $2 who text (NULL: the database user)
WITH removed AS (
    DELETE FROM tenants AS t
    WHERE t.id = $1::text AND NOT EXISTS (SELECT FROM messages_in AS m WHERE m.tenant_id = t.id)
      AND NOT EXISTS (SELECT FROM messages_out AS m WHERE m.tenant_id = t.id)
      AND NOT EXISTS (SELECT FROM opt_outs AS o WHERE o.tenant_id = t.id)
    RETURNING t.id, t.name, t.whatsapp_phone_number AS number)
SELECT r.id, ops.log_act('tenant_removed', 'tenant', r.id, r.id, NULL, NULL, $2::text, jsonb_build_object('what',
    format('name %s, number %s', ops.masked_text(r.name), coalesce(ops.masked(r.number), 'none'))))
FROM removed AS r;
