CREATE TABLE messages_in (
    id                  text NOT NULL,
    tenant_id           text,
    provider_message_id text NOT NULL,
    "from"              text NOT NULL,
    body                text NOT NULL,
    media_url           text,
    correlation_id      text NOT NULL,
    created_at          timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT messages_in_pkey PRIMARY KEY (id),
    CONSTRAINT messages_in_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id)
        ON DELETE SET NULL ON UPDATE CASCADE
);
CREATE UNIQUE INDEX messages_in_tenant_id_provider_message_id_key ON messages_in (tenant_id, provider_message_id)
    WHERE tenant_id IS NOT NULL;
CREATE UNIQUE INDEX messages_in_provider_message_id_null_tenant_key ON messages_in (provider_message_id)
    WHERE tenant_id IS NULL;
CREATE INDEX messages_in_tenant_id_provider_message_id_idx ON messages_in (tenant_id, provider_message_id);
CREATE INDEX messages_in_tenant_id_idx ON messages_in (tenant_id);
