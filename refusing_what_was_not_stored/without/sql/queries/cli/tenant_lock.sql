-- cli.tenant_lock: keep whoever writes for this tenant out until the transaction ends; waits for those that are at it.
-- $1 tenant's id text
SELECT FROM tenants WHERE id = $1::text FOR UPDATE;
