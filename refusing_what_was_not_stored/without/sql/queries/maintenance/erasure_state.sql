-- maintenance.erasure_state: how an erasure stands.
-- $1 id text
-- returns  whether it is done; what is left behind; rows erased by table, as JSON; no row when nobody asked for it
SELECT false AS is_done, e.busy, e.erased FROM erasures AS e WHERE e.id = $1::text
UNION ALL
(SELECT true, 0, l.payload -> 'rows' FROM event_log AS l
 WHERE l.correlation_id = $1 AND l.event_type = 'person_erased'
 ORDER BY l.created_at DESC
 LIMIT 1)
ORDER BY 1
LIMIT 1;
