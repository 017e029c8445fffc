-- maintenance.erase_words_lock: nobody else records a word to this tenant until the transaction ends. A statement of its own,
-- so that the one after it sees what was recorded before.
-- $1 tenant id text
SELECT pg_advisory_xact_lock(hashtext('pgcourier_opt_out'), hashtext($1::text));
