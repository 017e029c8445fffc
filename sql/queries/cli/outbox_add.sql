-- cli.outbox_add: a message to be sent, exactly as the shop writes one.
-- $1 tenant id text  $2 to text  $3 body text  $4 media url text (NULL: none)
INSERT INTO messages_out (tenant_id, "to", body, media_url)
VALUES ($1::text, $2::text, $3::text, $4::text)
RETURNING id, status, correlation_id;
