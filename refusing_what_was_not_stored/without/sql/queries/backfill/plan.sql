-- backfill.plan: for the statements after it in the same transaction, which look a few rows up by key: a plan that was made and
-- kept while a table was empty would scan all of it when it is full.
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
       set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true);
