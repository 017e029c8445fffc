-- ops.settle_posts: alerts that were posted are not to be posted again.
-- $1 ids bigint[]
DELETE FROM alert_posts AS p WHERE p.id = ANY ($1::bigint[]);
