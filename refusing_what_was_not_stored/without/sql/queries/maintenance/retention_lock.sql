-- maintenance.retention_lock: waits until nobody else is deleting from a table. A step notes in this row what it deleted: whoever
-- deleted first and wanted the row then could wait in a circle with another one.
-- $1 table name text
SELECT p.table_name FROM retention_passes AS p WHERE p.table_name = $1::text FOR UPDATE;
