-- cli.outbox_add: a message to be sent, exactly as the shop writes one.
-- $1 tenant id text  $2 to text  $3 body text  $4 media url text (NULL: none)  $5 template text (NULL: none)
-- $6 its variables text (NULL: none)  $7 send at text (NULL: now)  $8 expires at text (NULL: never)
-- $9 dedupe key text (NULL: none)
INSERT INTO messages_out (tenant_id, "to", body, media_url, content_sid, content_variables, send_at, expires_at, dedupe_key)
VALUES ($1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::timestamptz, $8::timestamptz, $9::text)
RETURNING id, status, correlation_id;
