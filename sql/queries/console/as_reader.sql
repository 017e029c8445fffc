-- console.as_reader: the rest of this transaction only looks, for so long at most, and with the rights of the masked reader where
-- we may take them and they suffice; else with ours: what the console asks for is masked all the same. They do not suffice where
-- ops.grant_roles leaves the functions that look with the rights of whoever calls them, since everybody may create functions.
-- $1 ms text
SELECT set_config('statement_timeout', $1::text, true), set_config('transaction_read_only', 'on', true),
       CASE WHEN to_regrole('pgcourier_ops_reader') IS NOT NULL
                 -- Since 16 a role may be a member and yet not take the other one.
                 AND pg_has_role(current_user, to_regrole('pgcourier_ops_reader')::oid,
                                 CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END)
                 AND (SELECT p.prosecdef FROM pg_proc AS p WHERE p.oid = to_regprocedure('ops.find(text, integer)'))
            THEN set_config('role', 'pgcourier_ops_reader', true) END;
