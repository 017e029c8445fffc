-- maintenance.erasure_due: erasures that nobody else goes on with.
SELECT e.id FROM erasures AS e WHERE e.due_at <= clock_timestamp() ORDER BY e.due_at;
