-- Events of a shop of which somebody has rows locked wait without having failed, and go on with the others afterwards.
ALTER TABLE webhook_queue ADD COLUMN is_postponed boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN webhook_queue.due_at IS 'NULL: due at once, claimed in the order of ids. Else it waits until then: postponed, or to be tried alone.';
COMMENT ON COLUMN webhook_queue.is_postponed IS 'It did not fail: somebody had a row of its shop locked. When it is due it is claimed with the others.';
