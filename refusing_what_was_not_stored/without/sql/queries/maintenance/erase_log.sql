-- maintenance.erase_log: takes the person's addresses out of the log in some pages. Ours holds none, but the predecessor's may,
-- and what people gave as a reason.
-- $1 first place tid  $2 end tid  $3 only count boolean  $4 pattern of the addresses text
-- returns  rows changed, or to be changed; rows left behind: somebody has them locked
WITH found AS MATERIALIZED (
    SELECT l.ctid AS place FROM event_log AS l
    WHERE l.ctid >= $1::tid AND l.ctid < $2::tid AND (l.payload::text ~ $4::text OR l.entity_id ~ $4)),
locked AS MATERIALIZED (
    SELECT l.ctid AS place FROM event_log AS l
    WHERE NOT $3::boolean AND l.ctid = ANY (ARRAY(SELECT f.place FROM found AS f))
    FOR UPDATE SKIP LOCKED),
erased AS (
    UPDATE event_log AS l
    SET payload = CASE WHEN l.payload::text ~ $4 THEN '{"erased": true}' ELSE l.payload END,
        entity_id = regexp_replace(l.entity_id, $4, 'erased', 'g')
    WHERE l.ctid = ANY (ARRAY(SELECT k.place FROM locked AS k))
    RETURNING 1)
SELECT c.changed, c.found - c.changed AS busy
FROM (SELECT CASE WHEN $3 THEN (SELECT count(*) FROM found) ELSE (SELECT count(*) FROM erased) END AS changed,
             (SELECT count(*) FROM found) AS found) AS c;
