-- migrate.grant_roles: the group roles and what they may do, as far as it is not so already.
-- returns  what there is to tell of it
SELECT g.notice FROM ops.grant_roles() AS g (notice);
