-- cli.tenant_list: every tenant with its load.
SELECT id, name, number, sellers, opted_out, waiting FROM ops.tenants ORDER BY name, id;
