-- console.opt_out_remove: a person may be written to again. What was blocked stays so. One JSON object.
-- $1 tenant id text  $2 number or user id text (NULL: by message)  $3 id of a message with them text (NULL: none)  $4 reason text
-- $5 who text
-- returns  NULL: no such tenant, or nobody is meant
WITH who AS MATERIALIZED (
    SELECT t.id AS tenant_id,
           coalesce((SELECT m.correlation_id FROM messages_out AS m WHERE m.id = $3::text AND m.tenant_id = t.id),
                    (SELECT m.correlation_id FROM messages_in AS m WHERE m.id = $3 AND m.tenant_id = t.id)) AS correlation_id,
           CASE WHEN $2::text IS NOT NULL THEN ops.person_meant($2)
                ELSE coalesce((SELECT m."to" FROM messages_out AS m WHERE m.id = $3 AND m.tenant_id = t.id),
                              (SELECT m."from" FROM messages_in AS m WHERE m.id = $3 AND m.tenant_id = t.id)) END AS person
    FROM tenants AS t WHERE t.id = $1::text),
done AS MATERIALIZED (
    SELECT w.tenant_id, w.person, w.correlation_id,
           pgcourier_record_opt_word(w.tenant_id, w.person, 'start', clock_timestamp(), 'operator', NULL, NULL) IS NOT TRUE AS is_so
    FROM who AS w WHERE w.person IS NOT NULL)
SELECT jsonb_build_object('words', CASE WHEN d.is_so THEN 'may be written to again; what was blocked stays blocked'
                                        ELSE 'a STOP of this person has a later time than now: see opt_out_history' END,
       'sql', NULL, 'command', 'pgcourier optout remove NUMBER' || ops.shell_option('tenant', d.tenant_id)),
       -- Of whom it was, and nothing where nothing was changed.
       CASE WHEN d.is_so THEN ops.log_act('opt_out_revoked', 'opt_out', ops.masked(d.person), d.tenant_id, d.correlation_id, $4::text, $5::text)::text END
FROM done AS d;
