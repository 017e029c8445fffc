-- cli.dlq_discard_many: resolves all that a filter means without doing anything.
-- $1 tenant id text (NULL: any)  $2 code integer (NULL: any)  $3 since text (NULL: ever)  $4 until text (NULL: now)
-- $5 all, when there is no filter boolean  $6 who text (NULL: the database user)  $7 reason text (NULL: none)
-- $8 only show boolean
SELECT dead_letter_id, entity_id, is_done, words
FROM ops.discard_dead_letters(tenant => $1::text, code => $2::integer, since => $3::timestamptz, until => $4::timestamptz,
                              everything => $5::boolean, by => $6::text, reason => $7::text, dry_run => $8::boolean);
