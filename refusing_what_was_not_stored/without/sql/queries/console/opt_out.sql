-- console.opt_out: a person does not want to be written to, or may be again; what was blocked stays so. One JSON object.
-- $1 stop or start text  $2 tenant id text  $3 number or user id text (NULL: by message)  $4 id of a message with them text (NULL: none)
-- $5 reason text  $6 who text
-- returns  no row: no such tenant, or no such message of it; NULL: $3 is neither a number nor a user id
WITH named AS MATERIALIZED (
    SELECT t.id AS tenant_id, ops.person_meant($3::text) AS person, NULL AS correlation_id
    FROM tenants AS t WHERE t.id = $2::text AND $3 IS NOT NULL
    UNION ALL
    SELECT m.tenant_id, m."to", m.correlation_id FROM messages_out AS m WHERE m.id = $4::text AND m.tenant_id = $2
    UNION ALL
    SELECT m.tenant_id, m."from", m.correlation_id FROM messages_in AS m WHERE m.id = $4 AND m.tenant_id = $2),
who AS MATERIALIZED (
    SELECT n.tenant_id, n.person, n.correlation_id,
           EXISTS (SELECT FROM opt_outs AS o
                   WHERE o.tenant_id = n.tenant_id
                     AND o.phone_number IN (n.person, 'whatsapp:' || n.person, pgcourier_erased_address(n.tenant_id, n.person))) AS was_out,
           (SELECT count(*) FROM outbox_queue AS q WHERE q.tenant_id = n.tenant_id AND q.recipient = n.person) AS waiting
    FROM named AS n LIMIT 1),
done AS MATERIALIZED (
    SELECT pgcourier_record_opt_word(w.tenant_id, w.person, $1::text, clock_timestamp(), 'operator', NULL, NULL) AS is_out
    FROM who AS w WHERE w.person IS NOT NULL AND ($1 = 'stop' OR w.was_out))
SELECT CASE WHEN w.person IS NOT NULL THEN jsonb_build_object(
           'words', CASE WHEN $1 = 'start' AND NOT w.was_out THEN 'they were not opted out'
                         WHEN $1 = 'start' AND d.is_out THEN 'a STOP of this person has a later time than now: see opt_out_history'
                         WHEN $1 = 'start' THEN 'may be written to again; what was blocked stays blocked'
                         WHEN d.is_out THEN format('opted out; %s messages were waiting', w.waiting)
                         ELSE 'a START of this person has a later time than now: see opt_out_history' END,
           'sql', NULL,
           'command', format('pgcourier optout %s NUMBER%s%s', CASE $1 WHEN 'stop' THEN 'add' ELSE 'remove' END,
                             ops.shell_option('tenant', w.tenant_id), ops.shell_option('reason', $5::text))) END,
       CASE WHEN d.is_out = ($1 = 'stop')
            THEN ops.log_act(CASE $1 WHEN 'stop' THEN 'opt_out_recorded' ELSE 'opt_out_revoked' END, 'opt_out', ops.masked(w.person),
                             w.tenant_id, w.correlation_id, $5, $6::text) END
FROM who AS w LEFT JOIN done AS d ON true;
