-- outbox.promote: makes due what promote_lock.sql, the statement before it, has locked. In a snapshot of its own, which has the
-- rows as they were when they were locked.
UPDATE outbox_queue AS q
SET due_at = now(), is_behind = false
FROM unnest(current_setting('pgcourier.promoted')::tid[]) AS l (place)
WHERE q.ctid = l.place AND q.is_behind;
