-- maintenance.tell_of_instances: what these processes may have missed is written down. Their rows stay, for whoever looks after them.
-- $1 ids text[]
UPDATE instances AS i SET told_at = clock_timestamp() WHERE i.id = ANY ($1::text[]);
