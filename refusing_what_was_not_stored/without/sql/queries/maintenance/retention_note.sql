-- maintenance.retention_note: how far a pass is. The next step is made after a few seconds, over all instances; the next
-- pass begins an hour after the end, or later where passes are long, so that reading takes a twentieth of the time at most.
-- $1 table name text  $2 next page bigint  $3 rows deleted bigint  $4 rows kept bigint  $5 whether the pass has ended boolean
-- $6 why some of these could not be deleted text (NULL: all could)
-- returns  of a pass that has ended: rows deleted, rows kept
UPDATE retention_passes AS p
SET page = CASE WHEN $5::boolean THEN 0 ELSE $2::bigint END,
    began_at = CASE WHEN $5 THEN NULL ELSE coalesce(p.began_at, clock_timestamp()) END,
    deleted = CASE WHEN $5 THEN 0 ELSE p.deleted + $3::bigint END,
    kept = CASE WHEN $5 THEN 0 ELSE p.kept + $4::bigint END,
    ended_at = CASE WHEN $5 THEN clock_timestamp() ELSE p.ended_at END,
    last_deleted = CASE WHEN $5 THEN p.deleted + $3 ELSE p.last_deleted END,
    last_kept = CASE WHEN $5 THEN p.kept + $4 ELSE p.last_kept END,
    refusal = coalesce($6::text, CASE WHEN p.began_at IS NOT NULL THEN p.refusal END),
    due_at = clock_timestamp() + CASE WHEN NOT $5 THEN interval '4 s'
                                      ELSE least(greatest(20 * (clock_timestamp() - coalesce(p.began_at, clock_timestamp())),
                                                          interval '1 h'), interval '1 day') END
WHERE p.table_name = $1::text
RETURNING p.last_deleted, p.last_kept;
