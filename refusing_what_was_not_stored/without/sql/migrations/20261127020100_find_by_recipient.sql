-- The same for what was written to a person; a migration of its own, so that the two tables are not locked together.
CREATE INDEX messages_out_to_idx ON messages_out ("to", created_at);
