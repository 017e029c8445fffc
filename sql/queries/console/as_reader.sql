-- console.as_reader: the rest of this transaction only looks, for so long at most, and with the rights of the masked reader where
-- we may take them; else with ours: what the console asks for is masked all the same.
-- $1 ms text
SELECT set_config('statement_timeout', $1::text, true), set_config('transaction_read_only', 'on', true),
       CASE WHEN to_regrole('pgcourier_ops_reader') IS NOT NULL
                 AND pg_has_role(current_user, to_regrole('pgcourier_ops_reader')::oid, 'MEMBER')
            THEN set_config('role', 'pgcourier_ops_reader', true) END;
