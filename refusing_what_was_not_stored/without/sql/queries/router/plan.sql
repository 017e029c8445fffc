-- router.plan: for this transaction, the one plan that stays right: index lookups in nested loops. A plan is kept with its
-- prepared statement; one that was made while the tables were nearly empty would scan them whole when they are not.
-- jit: its compiling takes longer than the statement. plan_cache_mode: of a queue of 40,000 rows and more, a plan for the values at hand
-- looks cheaper than the kept one, is the same, and was made anew for each claim: 0.4 ms of the 1.1 that a claim of 100 took.
-- lock_timeout: who waits for a row of one shop, which somebody else has locked, keeps all shops waiting.
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true),
       set_config('plan_cache_mode', 'force_generic_plan', true), set_config('lock_timeout', '1s', true);
