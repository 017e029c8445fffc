-- outbox.in_flight_still: which of these are still in flight. Asked when a commit of their outcomes was not answered: what is
-- not has been settled, and what it says of others has been judged. One that was swept meanwhile is unknown and has its token,
-- as if its outcome had been that it is not known; any other outcome would have changed more.
-- $1 seqs bigint[]  $2 tokens text[]  $3 whether its outcome is that it is not known boolean[]
SELECT m.seq
FROM unnest($1::bigint[], $2::text[], $3::boolean[]) AS o (seq, token, is_unclear)
JOIN messages_out AS m ON m.seq BETWEEN o.seq AND o.seq AND m.lease_token = o.token
WHERE m.status = 'sending' OR m.status = 'unknown' AND NOT o.is_unclear;
