-- cli.optout_add: a person does not want to be written to: what waits for them is blocked, and what comes will be.
-- $1 tenant id text  $2 address text  $3 reason text (NULL: none)  $4 who text (NULL: the database user)
-- returns  whether they are opted out now; how many messages were waiting
SELECT o.is_opted_out, o.waiting,
       CASE WHEN o.is_opted_out THEN ops.log_act('opt_out_recorded', 'opt_out', ops.masked($2), $1, NULL, $3::text, $4::text) END
FROM (SELECT pgcourier_record_opt_word($1::text, $2::text, 'stop', clock_timestamp(), 'operator', NULL, NULL) AS is_opted_out,
             (SELECT count(*) FROM outbox_queue AS q WHERE q.tenant_id = $1 AND q.recipient = $2) AS waiting
      OFFSET 0) AS o;
