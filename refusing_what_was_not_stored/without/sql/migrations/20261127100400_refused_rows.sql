-- One row that cannot be deleted or changed, for a key or a trigger of the shop's, keeps no other from being.

ALTER TABLE retention_passes ADD COLUMN refusal text;
COMMENT ON COLUMN retention_passes.refusal IS 'Why rows could not be deleted, in the pass under way or else in the last one; NULL: none was refused.';
COMMENT ON COLUMN retention_passes.kept IS 'Rows that it found old enough, but still needed (not handled, not sent, not resolved), or that could not be deleted.';

ALTER TABLE erasures ADD COLUMN refusal text, ADD COLUMN told_at timestamptz;
COMMENT ON COLUMN erasures.refusal IS 'Why this round could not erase something; NULL: nothing was refused.';
COMMENT ON COLUMN erasures.told_at IS 'When the log was last told so: once an hour, by one instance.';
COMMENT ON COLUMN erasures.busy IS 'What this round could not erase yet: in flight, of unknown outcome, not routed, locked by somebody, or refused.';

-- For a step in which one row spoils it for all. What is refused has not happened, and all others have. The time is for rows that
-- lead to what others have locked, each of which takes a lock_timeout: those that are not tried come with a later pass, as they are tried in no order.
CREATE FUNCTION pgcourier_delete_alone(from_table text, place tid) RETURNS text
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF clock_timestamp() > statement_timestamp() + interval '1 s' THEN
        RETURN 'there was no time to try them all';
    END IF;
    CASE from_table
        WHEN 'dead_letter_jobs' THEN DELETE FROM dead_letter_jobs AS r WHERE r.ctid = place;
        WHEN 'messages_in' THEN DELETE FROM messages_in AS r WHERE r.ctid = place;
        WHEN 'messages_out' THEN DELETE FROM messages_out AS r WHERE r.ctid = place;
        WHEN 'delivery_events' THEN DELETE FROM delivery_events AS r WHERE r.ctid = place;
        WHEN 'webhook_events' THEN DELETE FROM webhook_events AS r WHERE r.ctid = place;
        WHEN 'event_log' THEN DELETE FROM event_log AS r WHERE r.ctid = place;
    END CASE;
    RETURN CASE WHEN NOT FOUND THEN 'a trigger kept it' END;
EXCEPTION WHEN OTHERS THEN
    RETURN regexp_replace(SQLERRM, '\+?[0-9]{7,}', '…', 'g');  -- a trigger's words may have a number in them
END $$;
COMMENT ON FUNCTION pgcourier_delete_alone IS 'Deletes one row, by its place, of a table that retention deletes from. Returns NULL, or why it could not.';
