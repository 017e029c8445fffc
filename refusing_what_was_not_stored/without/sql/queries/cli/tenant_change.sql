-- cli.tenant_change: another name or number. Messages that were written to the number before are routed again by a trigger. What it
-- has already is not written again: then nothing was changed, and event_log tells of nothing.
-- $1 tenant's id text  $2 name text (NULL: as it is)  $3 number text (NULL: as it is)  $4 boolean: no number any more
-- $5 who text (NULL: the database user)
WITH tenant AS MATERIALIZED (
    SELECT t.id, t.name AS old_name, t.whatsapp_phone_number AS old_number, coalesce($2::text, t.name) AS name,
           CASE WHEN $4::boolean THEN NULL ELSE coalesce($3::text, t.whatsapp_phone_number) END AS number
    FROM tenants AS t WHERE t.id = $1::text
    FOR NO KEY UPDATE),
changed AS (
    UPDATE tenants AS t
    SET name = w.name, whatsapp_phone_number = w.number, updated_at = clock_timestamp() AT TIME ZONE 'UTC'
    FROM tenant AS w
    WHERE t.id = w.id AND (w.name, w.number) IS DISTINCT FROM (w.old_name, w.old_number)
    RETURNING t.id)
SELECT w.id, w.name, w.number
FROM tenant AS w
CROSS JOIN LATERAL (
    -- A CASE, and OFFSET 0: called once, and only for a change.
    SELECT CASE WHEN EXISTS (SELECT FROM changed)
                THEN ops.log_act('tenant_changed', 'tenant', w.id, w.id, NULL, NULL, $5::text, jsonb_build_object('what', concat_ws(', ',
                         CASE WHEN w.name <> w.old_name
                              THEN format('name %s → %s', ops.masked_text(w.old_name), ops.masked_text(w.name)) END,
                         CASE WHEN w.number IS DISTINCT FROM w.old_number
                              THEN format('number %s → %s', coalesce(ops.masked(w.old_number), 'none'),
                                          coalesce(ops.masked(w.number), 'none')) END))) END
    OFFSET 0) AS l;
