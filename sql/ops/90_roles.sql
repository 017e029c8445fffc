-- Who may do what. Three group roles that log in themselves never; they belong to the whole server, so that databases on one
-- server share them:
--   pgcourier_ops_reader  looks: the views of ops and its functions that look, numbers masked, no bodies, no table
--   pgcourier_writer      the shop: writes messages_out, reads messages_in and takes its messages over
--   pgcourier_service     pgcourier serve and its commands: all rows, and no way to drop or alter anything
-- The owner of the tables, who migrates, is none of them.

-- What runs with the rights of its owner: the functions of ops that look, and the one that takes a dedupe key for whoever writes
-- a message. Neither they nor any function that they call may look for its tables in a schema that somebody else can write
-- into: pg_temp, which comes first unless it is named, least of all. (The triggers of an ordinary INSERT into messages_out have
-- neither such rights nor a search_path, which each call would pay for; its writer may insert into outbox_queue instead.)
CREATE FUNCTION ops.secure_function(name regprocedure, is_definer boolean) RETURNS void
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    home text := (SELECT c.relnamespace::regnamespace::text FROM pg_class AS c WHERE c.oid = 'messages_out'::regclass);
    wanted text := format('search_path=%s, pg_temp', home);
BEGIN
    IF NOT EXISTS (SELECT FROM pg_proc AS p WHERE p.oid = name AND p.prosecdef = is_definer AND wanted = ANY (p.proconfig)) THEN
        EXECUTE format('ALTER FUNCTION %s %s SET search_path = %s, pg_temp', name,
                       CASE WHEN is_definer THEN 'SECURITY DEFINER' ELSE 'SECURITY INVOKER' END, home);
    END IF;
END $$;
COMMENT ON FUNCTION ops.secure_function IS 'Makes a function find its tables in their own schema only; with is_definer it runs with the rights of its owner.';

-- One grant, unless it is there.
CREATE FUNCTION ops.grant_once(wanted text, kind text, object text, to_role text) RETURNS void
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    one text;
    is_there boolean := true;
BEGIN
    FOREACH one IN ARRAY string_to_array(wanted, ', ') LOOP
        is_there := is_there AND CASE kind WHEN 'TABLE' THEN has_table_privilege(to_role, object, one)
                                           WHEN 'SCHEMA' THEN has_schema_privilege(to_role, object::regnamespace, one)
                                           ELSE has_function_privilege(to_role, object, one) END;
    END LOOP;
    IF NOT is_there THEN
        EXECUTE format('GRANT %s ON %s %s TO %I', wanted, kind, object, to_role);
    END IF;
END $$;
COMMENT ON FUNCTION ops.grant_once IS 'Grants what a role does not have yet; part of ops.grant_roles.';

CREATE FUNCTION ops.grant_roles() RETURNS SETOF text
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    home text := (SELECT c.relnamespace::regnamespace::text FROM pg_class AS c WHERE c.oid = 'messages_out'::regclass);
    roles CONSTANT text[] := ARRAY['pgcourier_ops_reader', 'pgcourier_writer', 'pgcourier_service'];
    tables CONSTANT text[] := ARRAY[
        'tenants', 'seller_phones', 'messages_in', 'messages_out', 'dead_letter_jobs', 'event_log', 'opt_outs', 'opt_out_history',
        'webhook_events', 'webhook_queue', 'delivery_events', 'outbox_queue', 'outbox_leases', 'outbox_scopes', 'outbox_pauses',
        'outbox_dedupe_keys', 'outbox_waits', 'instances', 'alert_watch', 'alerts_open', 'alert_posts',
        'retention_passes', 'erasures', 'receiving', 'backfills', 'former_numbers'];
    -- What runs with the rights of its owner.
    looks CONSTANT text[] := ARRAY['trace', 'messages_of', 'explanation', 'oldest_snapshot', 'unfinished_migrations', 'find', 'conversation', 'log',
                                   'find_dead_letters'];
    is_closed boolean;
    missing text[];
    one text;
    found record;
BEGIN
    -- A member of pgcourier_service that runs `migrate up` on a database which is up to date has nothing to give.
    IF NOT (SELECT pg_has_role(c.relowner, 'USAGE') FROM pg_class AS c WHERE c.oid = 'messages_out'::regclass) THEN
        RETURN;
    END IF;
    missing := ARRAY(SELECT r FROM unnest(roles) AS r WHERE to_regrole(r) IS NULL);
    IF missing <> '{}' AND (SELECT r.rolsuper OR r.rolcreaterole FROM pg_roles AS r WHERE r.rolname = current_user) THEN
        FOREACH one IN ARRAY missing LOOP
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', one);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- another database of this server was faster
            END;
        END LOOP;
    ELSIF missing <> '{}' THEN
        RETURN NEXT format('roles: %s may not create roles; have somebody who may run %s; then run pgcourier migrate up once more', current_user,
                           (SELECT string_agg(format('CREATE ROLE %I NOLOGIN', m), '; ') FROM unnest(missing) AS m));
    END IF;

    -- Where everybody may create functions beside the tables, one of them could be called with the owner's rights.
    is_closed := NOT EXISTS (SELECT FROM pg_namespace AS n CROSS JOIN aclexplode(n.nspacl) AS a
                             WHERE n.oid = home::regnamespace AND a.grantee = 0 AND a.privilege_type = 'CREATE');
    IF NOT is_closed THEN
        RETURN NEXT format('roles: everybody may create functions in the schema %s, so that no function there or in ops runs with the rights of its owner, '
                           'and pgcourier_ops_reader and pgcourier_writer can do less: REVOKE CREATE ON SCHEMA %s FROM PUBLIC, then pgcourier migrate up',
                           home, home);
    END IF;
    PERFORM ops.secure_function(p.oid::regprocedure, is_closed AND (p.proname = 'pgcourier_take_dedupe_key' OR p.proname = ANY (looks)))
    FROM pg_proc AS p
    WHERE p.proconfig IS NOT NULL
      AND (p.pronamespace = home::regnamespace AND p.proname LIKE 'pgcourier\_%' OR p.pronamespace = 'ops'::regnamespace);

    -- With its owner's rights it is for those who write messages, and for nobody else.
    IF is_closed AND NOT has_table_privilege('public', 'messages_out', 'INSERT') THEN
        FOR found IN SELECT p.oid::regprocedure::text AS name, p.oid FROM pg_proc AS p
                     WHERE p.pronamespace = home::regnamespace AND p.proname = 'pgcourier_take_dedupe_key' LOOP
            IF has_function_privilege('public', found.oid, 'EXECUTE') THEN
                EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', found.name);
            END IF;
            FOR one IN SELECT a.grantee::regrole::text FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS a
                       WHERE c.oid = 'messages_out'::regclass AND a.privilege_type = 'INSERT' AND a.grantee <> 0
                       UNION
                       SELECT a.grantee::regrole::text FROM pg_attribute AS c CROSS JOIN aclexplode(c.attacl) AS a
                       WHERE c.attrelid = 'messages_out'::regclass AND a.privilege_type = 'INSERT' AND a.grantee <> 0
                       UNION
                       SELECT 'pg_write_all_data' LOOP
                EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', found.name, one);
            END LOOP;
        END LOOP;
    END IF;

    IF to_regrole('pgcourier_ops_reader') IS NOT NULL THEN
        PERFORM ops.grant_once('USAGE', 'SCHEMA', 'ops', 'pgcourier_ops_reader');
        FOR found IN SELECT format('ops.%I', c.relname) AS name FROM pg_class AS c
                     WHERE c.relnamespace = 'ops'::regnamespace AND c.relkind = 'v' LOOP
            PERFORM ops.grant_once('SELECT', 'TABLE', found.name, 'pgcourier_ops_reader');
        END LOOP;
        -- Those that look, and those that stand in the views.
        FOR found IN SELECT p.oid::regprocedure::text AS name FROM pg_proc AS p
                     WHERE p.pronamespace = 'ops'::regnamespace
                           AND p.proname IN ('masked', 'masked_text', 'span', 'moment', 'trace', 'messages_of', 'explain',
                                             'explanation', 'oldest_snapshot', 'unfinished_migrations', 'find', 'conversation',
                                             'log', 'find_dead_letters', 'letters_told', 'utc', 'cursor', 'has_hidden', 'sql_word',
                                             'shell_word', 'shell_argument', 'shell_option')
                        OR p.pronamespace = home::regnamespace AND p.proname = 'pgcourier_masked_scope' LOOP
            PERFORM ops.grant_once('EXECUTE', 'FUNCTION', found.name, 'pgcourier_ops_reader');
        END LOOP;
    END IF;

    IF to_regrole('pgcourier_writer') IS NOT NULL THEN
        PERFORM ops.grant_once('USAGE', 'SCHEMA', home, 'pgcourier_writer');
        PERFORM ops.grant_once('INSERT', 'TABLE', home || '.messages_out', 'pgcourier_writer');
        PERFORM ops.grant_once('SELECT', 'TABLE', home || '.messages_in', 'pgcourier_writer');
        IF NOT has_column_privilege('pgcourier_writer', 'messages_in', 'handled_at', 'UPDATE') THEN
            EXECUTE 'GRANT UPDATE (handled_at) ON messages_in TO pgcourier_writer';
        END IF;
        -- What names a row, for INSERT … RETURNING, and what became of it; neither whom it is for nor what it says.
        IF NOT has_column_privilege('pgcourier_writer', 'messages_out', 'delivery_status', 'SELECT') THEN
            EXECUTE 'GRANT SELECT (id, seq, correlation_id, tenant_id, status, attempts, next_attempt_at, last_error, held_reason, '
                    'provider_message_id, error_code, delivery_status, created_at, updated_at, send_at, expires_at, sent_at, '
                    'delivered_at, read_at, undelivered_at) ON messages_out TO pgcourier_writer';
        END IF;
        -- What the triggers of such an INSERT do.
        IF NOT has_column_privilege('pgcourier_writer', 'outbox_queue', 'expires_at', 'INSERT') THEN
            EXECUTE 'GRANT INSERT (seq, message_id, tenant_id, recipient, due_at, expires_at) ON outbox_queue TO pgcourier_writer';
        END IF;
        FOR found IN SELECT p.oid::regprocedure::text AS name FROM pg_proc AS p
                     WHERE p.pronamespace = home::regnamespace
                       AND p.proname IN ('pgcourier_bare_address', 'pgcourier_utc_if_now', 'pgcourier_take_dedupe_key',
                                         'pgcourier_is_due_again', 'pgcourier_new_message_id', 'pgcourier_new_id') LOOP
            PERFORM ops.grant_once('EXECUTE', 'FUNCTION', found.name, 'pgcourier_writer');
        END LOOP;
    END IF;

    IF to_regrole('pgcourier_service') IS NOT NULL THEN
        PERFORM ops.grant_once('USAGE', 'SCHEMA', home, 'pgcourier_service');
        PERFORM ops.grant_once('USAGE', 'SCHEMA', 'ops', 'pgcourier_service');
        FOREACH one IN ARRAY tables LOOP
            PERFORM ops.grant_once('SELECT, INSERT, UPDATE, DELETE', 'TABLE', format('%s.%I', home, one), 'pgcourier_service');
        END LOOP;
        FOR found IN SELECT c.oid::regclass::text AS name FROM pg_class AS c
                     WHERE c.relnamespace = 'ops'::regnamespace AND c.relkind = 'v'
                        OR c.relnamespace = home::regnamespace AND c.relname IN ('pgcourier_migrations', '_prisma_migrations')
                           AND c.relkind = 'r' AND pg_has_role(c.relowner, 'USAGE')
                        OR c.oid IN (to_regclass(home || '.routable_events'), to_regclass(home || '.tenant_senders')) LOOP
            PERFORM ops.grant_once('SELECT', 'TABLE', found.name, 'pgcourier_service');
        END LOOP;
        FOR found IN SELECT p.oid::regprocedure::text AS name FROM pg_proc AS p
                     WHERE p.pronamespace = 'ops'::regnamespace
                        OR p.pronamespace = home::regnamespace AND p.proname LIKE 'pgcourier\_%' LOOP
            PERFORM ops.grant_once('EXECUTE', 'FUNCTION', found.name, 'pgcourier_service');
        END LOOP;
    END IF;
END $$;
COMMENT ON FUNCTION ops.grant_roles IS 'Makes the roles pgcourier_ops_reader, pgcourier_writer and pgcourier_service, and gives them what they do not have yet. pgcourier migrate up calls it each time.';

-- By default everybody may run a function: here nobody, but who is given it.
DO $$
DECLARE
    one regprocedure;
BEGIN
    FOR one IN SELECT p.oid FROM pg_proc AS p WHERE p.pronamespace = 'ops'::regnamespace LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', one);
    END LOOP;
    -- Tables that change their size by orders of magnitude: never a plan that walks one of them, nor one compiled for its cost.
    FOR one IN SELECT p.oid FROM pg_proc AS p
               WHERE p.pronamespace = 'ops'::regnamespace
                 AND p.proname IN ('trace', 'messages_of', 'explanation', 'find', 'conversation', 'log') LOOP
        EXECUTE format('ALTER FUNCTION %s SET enable_seqscan = off', one);
        EXECUTE format('ALTER FUNCTION %s SET enable_bitmapscan = off', one);
        EXECUTE format('ALTER FUNCTION %s SET enable_hashjoin = off', one);
        EXECUTE format('ALTER FUNCTION %s SET enable_mergejoin = off', one);
        EXECUTE format('ALTER FUNCTION %s SET jit = off', one);
    END LOOP;
END $$;
