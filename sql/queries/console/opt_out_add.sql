-- console.opt_out_add: a person does not want to be written to. One JSON object.
-- $1 tenant id text  $2 number or user id text (NULL: by message)  $3 id of a message with them text (NULL: none)  $4 reason text
-- $5 who text
-- returns  NULL: no such tenant, or nobody is meant
WITH who AS MATERIALIZED (
    SELECT t.id AS tenant_id,
           CASE WHEN $2::text IS NOT NULL THEN ops.person_meant($2)
                ELSE coalesce((SELECT m."to" FROM messages_out AS m WHERE m.id = $3::text AND m.tenant_id = t.id),
                              (SELECT m."from" FROM messages_in AS m WHERE m.id = $3 AND m.tenant_id = t.id)) END AS person
    FROM tenants AS t WHERE t.id = $1::text)
SELECT jsonb_build_object('words', CASE
           WHEN pgcourier_record_opt_word(w.tenant_id, w.person, 'stop', clock_timestamp(), 'operator', NULL, NULL)
           THEN format('opted out; %s messages were waiting', (SELECT count(*) FROM outbox_queue AS q WHERE q.tenant_id = w.tenant_id AND q.recipient = w.person))
           ELSE 'a START of this person has a later time than now: see opt_out_history' END,
       'sql', NULL, 'command', format('pgcourier optout add NUMBER --tenant %s', ops.shell_word(w.tenant_id))),
       ops.log_act('opt_out_recorded', 'opt_out', ops.masked(w.person), w.tenant_id, NULL, $4::text, $5::text)
FROM who AS w WHERE w.person IS NOT NULL;
