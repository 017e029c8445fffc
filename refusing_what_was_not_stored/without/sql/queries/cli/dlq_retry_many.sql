-- cli.dlq_retry_many: makes all that a filter means pending again, in their order.
-- $1 tenant id text (NULL: any)  $2 code integer (NULL: any)  $3 since text (NULL: ever)  $4 until text (NULL: now)
-- $5 all, when there is no filter boolean  $6 a second double precision (NULL: all at once)
-- $7 who text (NULL: the database user)  $8 reason text (NULL: none)  $9 only show boolean
SELECT dead_letter_id, entity_id, due_at, is_done, words
FROM ops.retry_dead_letters(tenant => $1::text, code => $2::integer, since => $3::timestamptz, until => $4::timestamptz,
                            everything => $5::boolean, per_second => $6::double precision, by => $7::text,
                            reason => $8::text, dry_run => $9::boolean);
