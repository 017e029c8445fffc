-- maintenance.erasure_due: erasures that nobody else goes on with. Nothing is put off for longer than an hour: one that is due later was
-- noted before the database's clock went back.
SELECT e.id FROM erasures AS e
WHERE e.due_at <= clock_timestamp() OR e.due_at > clock_timestamp() + interval '1 h 2 s'
ORDER BY e.due_at;
