CREATE TABLE event_log (
    id             text NOT NULL,
    tenant_id      text NOT NULL,
    event_type     text NOT NULL,
    entity_type    text NOT NULL,
    entity_id      text,
    correlation_id text NOT NULL,
    actor_type     text NOT NULL,
    payload        jsonb NOT NULL,
    created_at     timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT event_log_pkey PRIMARY KEY (id),
    CONSTRAINT event_log_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id)
        ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX event_log_tenant_id_correlation_id_idx ON event_log (tenant_id, correlation_id);
CREATE INDEX event_log_tenant_id_event_type_created_at_idx ON event_log (tenant_id, event_type, created_at);
CREATE INDEX event_log_tenant_id_idx ON event_log (tenant_id);
