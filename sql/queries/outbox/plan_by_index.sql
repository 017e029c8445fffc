-- outbox.plan_by_index: for the statements after it in the same transaction. They read a few rows by key out of tables
-- whose size changes by orders of magnitude within seconds; a plan that was made and kept while a table was empty would
-- scan all of it when it is full.
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
       set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true);
