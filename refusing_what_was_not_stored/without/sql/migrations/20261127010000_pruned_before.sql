-- How far back anything was deleted: what a caller believes of RETENTION_DAYS says nothing about it.

ALTER TABLE retention_passes ADD COLUMN pruned_before timestamptz;
COMMENT ON COLUMN retention_passes.pruned_before IS 'webhook_events: what Twilio dates before may have been here, been handled and been deleted. NULL: nothing was.';
