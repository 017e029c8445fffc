CREATE TABLE seller_phones (
    id           text NOT NULL,
    tenant_id    text NOT NULL,
    phone_number text NOT NULL,
    created_at   timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT seller_phones_pkey PRIMARY KEY (id),
    CONSTRAINT seller_phones_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id)
        ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE UNIQUE INDEX seller_phones_tenant_id_phone_number_key ON seller_phones (tenant_id, phone_number);
CREATE INDEX seller_phones_tenant_id_idx ON seller_phones (tenant_id);
