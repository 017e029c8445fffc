CREATE TABLE messages_out (
    id                  text NOT NULL,
    tenant_id           text NOT NULL,
    "to"                text NOT NULL,
    body                text NOT NULL,
    status              text NOT NULL,
    attempts            integer NOT NULL DEFAULT 0,
    next_attempt_at     timestamp(3),
    last_error          text,
    correlation_id      text NOT NULL,
    provider_message_id text,
    created_at          timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at          timestamp(3) NOT NULL,
    CONSTRAINT messages_out_pkey PRIMARY KEY (id),
    CONSTRAINT messages_out_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id)
        ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX messages_out_tenant_id_status_idx ON messages_out (tenant_id, status);
CREATE INDEX messages_out_tenant_id_correlation_id_idx ON messages_out (tenant_id, correlation_id);
CREATE INDEX messages_out_tenant_id_idx ON messages_out (tenant_id);

CREATE TABLE dead_letter_jobs (
    id            text NOT NULL,
    tenant_id     text NOT NULL,
    job_type      text NOT NULL,
    payload       jsonb NOT NULL,
    error_message text,
    error_stack   text,
    attempts      integer NOT NULL DEFAULT 0,
    created_at    timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    resolved_at   timestamp(3),
    CONSTRAINT dead_letter_jobs_pkey PRIMARY KEY (id),
    CONSTRAINT dead_letter_jobs_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id)
        ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX dead_letter_jobs_tenant_id_job_type_resolved_at_idx ON dead_letter_jobs (tenant_id, job_type, resolved_at);
CREATE INDEX dead_letter_jobs_tenant_id_idx ON dead_letter_jobs (tenant_id);
