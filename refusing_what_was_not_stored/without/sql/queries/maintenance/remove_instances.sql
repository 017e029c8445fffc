-- maintenance.remove_instances: forgets processes that have ended.
-- $1 ids text[]
DELETE FROM instances WHERE id = ANY ($1::text[]);
