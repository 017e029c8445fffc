ALTER TABLE tenants ADD COLUMN whatsapp_phone_number text;
CREATE UNIQUE INDEX tenants_whatsapp_phone_number_key ON tenants (whatsapp_phone_number);
