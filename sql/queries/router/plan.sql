-- router.plan: for this transaction, the one plan that stays right: index lookups in nested loops. A plan is kept with its
-- prepared statement; one that was made while the tables were nearly empty would scan them whole when they are not.
-- jit: its compiling takes longer than the statement.
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true);
