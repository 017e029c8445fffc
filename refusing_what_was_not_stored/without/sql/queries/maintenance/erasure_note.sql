-- maintenance.erasure_note: how far an erasure is. Whoever does not make the next step leaves it to the others after a second.
-- A round that had to leave something behind is followed by the next one later, where rounds are long; later still where something
-- was refused, which a person has to look at.
-- $1 id text  $2 addresses text[]  $3 next step text  $4 its page bigint  $5 changed by this round bigint
-- $6 left behind by it bigint  $7 table text (NULL: none)  $8 rows erased in it bigint
-- $9 whether a round has ended boolean  $10 why it could not erase something text (NULL: nothing was refused)
-- $11 whether the log tells that now boolean
-- returns  why it could not, for the log: a trigger's words may have a number in them
UPDATE erasures AS e
SET addresses = $2::text[], step = $3::text, page = $4::bigint,
    changed = CASE WHEN $9::boolean THEN 0 ELSE $5::bigint END,
    busy = $6::bigint,
    erased = CASE WHEN $7::text IS NULL OR $8::bigint = 0 THEN e.erased
                  ELSE jsonb_set(e.erased, ARRAY[$7], to_jsonb(coalesce((e.erased ->> $7)::bigint, 0) + $8)) END,
    round = e.round + $9::integer,
    round_at = CASE WHEN $9 THEN clock_timestamp() ELSE e.round_at END,
    refusal = regexp_replace($10::text, '\+?[0-9]{7,}', '…', 'g'),
    told_at = CASE WHEN $11::boolean THEN clock_timestamp() ELSE e.told_at END,
    due_at = clock_timestamp() + CASE WHEN $9 AND $10 IS NOT NULL THEN interval '10 min'
                                      WHEN $9 AND $6 > 0
                                      THEN least(greatest(20 * (clock_timestamp() - e.round_at), interval '5 s'), interval '1 h')
                                      ELSE interval '1 s' END
WHERE e.id = $1::text
RETURNING e.refusal;
