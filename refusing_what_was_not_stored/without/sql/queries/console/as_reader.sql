-- console.as_reader: the rest of this transaction only looks, for so long at most, and with the rights of the masked reader where
-- we may take them, and they are enough: where everybody may create functions beside the tables, what looks runs with the rights of
-- whoever asks (ops.grant_roles). Else with ours: what the console asks for is masked all the same.
-- $1 ms text
SELECT set_config('statement_timeout', $1::text, true), set_config('transaction_read_only', 'on', true),
       -- Compiling takes longer than any of these reads.
       set_config('jit', 'off', true),
       -- From 16 on a member may be one that must not take the role, as whoever created it is who is no superuser.
       CASE WHEN pg_has_role(current_user, to_regrole('pgcourier_ops_reader')::oid,
                             CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END)
                 AND EXISTS (SELECT FROM pg_proc AS p
                             WHERE p.proname = 'find' AND p.pronamespace = to_regnamespace('ops')::oid AND p.prosecdef)
            THEN set_config('role', 'pgcourier_ops_reader', true) END;
