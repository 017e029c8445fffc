-- maintenance.plan: for the statements after it in the same transaction, which read some pages of a table and look few rows
-- up by key: a plan that was made and kept while a table was empty would scan all of it when it is full.
-- statement_timeout, lock_timeout: they skip rows that somebody has locked; what cannot be skipped, as a row behind a foreign key, or a whole table, or
-- takes its time, as a foreign key without an index, must not hold up the pulse of the process, which says that it lives.
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
       set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
       set_config('jit', 'off', true), set_config('lock_timeout', '200ms', true),
       set_config('statement_timeout', '2s', true);
