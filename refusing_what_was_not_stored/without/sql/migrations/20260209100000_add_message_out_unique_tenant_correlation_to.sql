CREATE UNIQUE INDEX messages_out_tenant_id_correlation_id_to_key ON messages_out (tenant_id, correlation_id, "to");
