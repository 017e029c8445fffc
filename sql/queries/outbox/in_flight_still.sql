-- outbox.in_flight_still: which of these are still in flight. Asked when a commit of their outcomes was not answered: what is
-- not has been settled, and what it says of others has been judged.
-- $1 seqs bigint[]  $2 tokens text[]
SELECT m.seq
FROM unnest($1::bigint[], $2::text[]) AS o (seq, token)
JOIN messages_out AS m ON m.seq BETWEEN o.seq AND o.seq AND m.lease_token = o.token
WHERE m.status = 'sending';
