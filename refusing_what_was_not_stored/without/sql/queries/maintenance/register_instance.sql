-- maintenance.register_instance: adds this process to the running ones.
-- $1 id text  $2 host text  $3 pid integer  $4 version text  $5 roles text  $6 TWILIO_WHATSAPP_NUMBER text; empty: none
INSERT INTO instances (id, host, pid, version, roles, default_sender)
VALUES ($1::text, $2::text, $3::integer, $4::text, $5::text, nullif($6::text, ''));
