-- Senders write this word too (21610), and let nothing be sorted for their own statements: what waits for the person would be found
-- in the order of seq, by walking the whole queue.
DO $migration$
DECLARE
    word regprocedure := (SELECT p.oid FROM pg_proc AS p
                          WHERE p.proname = 'pgcourier_record_opt_word' AND p.pronamespace = quote_ident(current_schema())::regnamespace);
BEGIN
    EXECUTE format('ALTER FUNCTION %s SET enable_sort = on', word);
END $migration$;
