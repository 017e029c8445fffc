-- ops.patience: how long the statements of this transaction may run: what people look at must not hold up the work.
-- $1 ms text
SELECT set_config('statement_timeout', $1::text, true);
