CREATE TABLE opt_outs (
    id           text NOT NULL,
    tenant_id    text NOT NULL,
    phone_number text NOT NULL,
    opted_out_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    created_at   timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at   timestamp(3) NOT NULL,
    CONSTRAINT opt_outs_pkey PRIMARY KEY (id),
    CONSTRAINT opt_outs_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id)
        ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE UNIQUE INDEX opt_outs_tenant_id_phone_number_key ON opt_outs (tenant_id, phone_number);
