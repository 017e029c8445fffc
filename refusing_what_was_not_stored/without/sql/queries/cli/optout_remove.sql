-- cli.optout_remove: a person may be written to again. What was blocked stays so. Does nothing when they are not opted out.
-- $1 tenant id text  $2 address text  $3 reason text (NULL: none)  $4 who text (NULL: the database user)
-- returns  whether they were opted out, and whether they are now; no row when they were not
SELECT r.was_opted_out, r.is_opted_out,
       CASE WHEN NOT r.is_opted_out THEN ops.log_act('opt_out_revoked', 'opt_out', ops.masked($2), $1, NULL, $3::text, $4::text) END
FROM (SELECT o.was_opted_out, pgcourier_record_opt_word($1::text, $2::text, 'start', clock_timestamp(), 'operator', NULL, NULL) AS is_opted_out
      FROM (SELECT EXISTS (SELECT FROM opt_outs AS p
                           WHERE p.tenant_id = $1
                             AND p.phone_number IN ($2, 'whatsapp:' || $2, pgcourier_erased_address($1, $2))) AS was_opted_out
            OFFSET 0) AS o
      WHERE o.was_opted_out
      OFFSET 0) AS r;
