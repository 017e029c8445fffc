-- maintenance.register_instance: adds this process to the running ones.
-- $1 id text  $2 host text  $3 pid integer  $4 version text  $5 roles text
INSERT INTO instances (id, host, pid, version, roles)
VALUES ($1::text, $2::text, $3::integer, $4::text, $5::text);
