-- outbox.plan_by_index: for the statements after it in the same transaction. They read a few rows by key out of tables
-- whose size changes by orders of magnitude within seconds; a plan that was made and kept while a table was empty would
-- scan all of it when it is full. The queue and the leases are emptied as fast as they fill: when VACUUM looks there is no live
-- row, and while somebody holds a snapshot there are thousands of pages of dead ones. The planner then takes the tables for empty,
-- and a walk over any index for as cheap as a lookup. So each lookup is written in a way that only one index can serve:
-- - What comes first is asked for in the order of its index, tenant first, and there is no sort where an index has the order. A
--   tenant = ANY (ARRAY[one]) counts in that order; one that is just equal does not, and what is then left another index has too.
-- - What has a key is BETWEEN it and itself: for an equality of two tables a walk in the order of the key is considered too.
--   (Comparing keys of several columns as rows would do both, but PostgreSQL 15 does not end such a walk where the row ends.)
-- - Rows of the queue that an earlier statement has locked are found again by ctid, which nobody can change meanwhile. (One that was
--   changed between this statement's snapshot and its lock is missed, where missing it does no harm: it is found the next time.)
-- - What is to be sorted is not sorted by a column that has an index (seq + 0): all of the index would be walked instead.
-- Then no value makes another plan better, and none is made for one.
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
       set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
       set_config('enable_sort', 'off', true), set_config('enable_incremental_sort', 'off', true),
       set_config('plan_cache_mode', 'force_generic_plan', true);
