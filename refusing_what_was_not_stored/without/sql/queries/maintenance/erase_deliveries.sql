-- maintenance.erase_deliveries: takes the person's addresses out of what Twilio said of failed deliveries, in some pages.
-- $1 first place tid  $2 end tid  $3 only count boolean  $4 pattern of the addresses text
-- returns  rows changed, or to be changed; rows left behind
WITH found AS MATERIALIZED (
    SELECT d.ctid AS place FROM delivery_events AS d
    WHERE d.ctid >= $1::tid AND d.ctid < $2::tid AND d.error_message ~ $4::text),
locked AS MATERIALIZED (
    SELECT d.ctid AS place FROM delivery_events AS d
    WHERE NOT $3::boolean AND d.ctid = ANY (ARRAY(SELECT f.place FROM found AS f))
    FOR UPDATE SKIP LOCKED),
erased AS (
    UPDATE delivery_events AS d SET error_message = regexp_replace(d.error_message, $4, '…', 'g')
    WHERE d.ctid = ANY (ARRAY(SELECT l.place FROM locked AS l))
    RETURNING 1)
SELECT c.changed, c.found - c.changed AS busy
FROM (SELECT CASE WHEN $3 THEN (SELECT count(*) FROM found) ELSE (SELECT count(*) FROM erased) END AS changed,
             (SELECT count(*) FROM found) AS found) AS c;
