-- What may be sent now: breakers, slow starts and rates (outbox_scopes), and what people have paused (outbox_pauses).

ALTER TABLE messages_out ADD COLUMN deferrals smallint NOT NULL DEFAULT 0, ADD COLUMN calls integer NOT NULL DEFAULT 0;
ALTER TABLE outbox_queue ADD COLUMN deferrals smallint NOT NULL DEFAULT 0, ADD COLUMN expires_at timestamptz;
ALTER TABLE outbox_leases ADD COLUMN sender text NOT NULL DEFAULT '';
UPDATE messages_out SET calls = attempts WHERE status IN ('pending', 'failed', 'sending', 'unknown') AND attempts > 0;
COMMENT ON COLUMN messages_out.deferrals IS 'How often it was put back without using an attempt, since its failure was not its own.';
COMMENT ON COLUMN messages_out.calls IS 'Calls at Twilio in all. Unlike attempts it never goes back, so that a callback tells which call it is of.';
COMMENT ON COLUMN outbox_queue.deferrals IS 'As in messages_out: a breaker''s next probe is a message that was put back least often.';
COMMENT ON COLUMN outbox_leases.sender IS 'The number that it is sent from, as it was when it was claimed; empty: it has none.';
-- One tenant's flood must not be in the way of the others: a claim reads each tenant's messages from their start.
CREATE INDEX outbox_queue_tenant_idx ON outbox_queue (tenant_id, due_at, seq);

CREATE TABLE outbox_scopes (
    scope           text PRIMARY KEY,
    calls           integer NOT NULL DEFAULT 1,
    failures        integer NOT NULL DEFAULT 0,
    failed_message  text,
    opened_at       timestamptz,
    probe_at        timestamptz,
    probes          integer NOT NULL DEFAULT 0,
    is_by_callback  boolean NOT NULL DEFAULT false,
    error_code      integer,
    reason          text,
    last_success_at timestamptz,
    next_start_at   timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);
COMMENT ON TABLE outbox_scopes IS 'What fails and is limited together: the provider, the credentials, each sending number.';
COMMENT ON COLUMN outbox_scopes.scope IS 'provider, credentials:<fingerprint>, sender:<number>.';
COMMENT ON COLUMN outbox_scopes.calls IS 'So many calls may be in flight; it starts at 1 and doubles with each success. 1024: no limit.';
COMMENT ON COLUMN outbox_scopes.failures IS 'The run: failures of the provider since the last success.';
COMMENT ON COLUMN outbox_scopes.failed_message IS 'The message that failed last in the run.';
COMMENT ON COLUMN outbox_scopes.opened_at IS 'The breaker is open since then: nothing is sent but probes. NULL: it is closed.';
COMMENT ON COLUMN outbox_scopes.probe_at IS 'When the next probe may be sent.';
COMMENT ON COLUMN outbox_scopes.probes IS 'Probes that failed since it opened.';
COMMENT ON COLUMN outbox_scopes.is_by_callback IS 'What opened it came by callback, after Twilio had taken the message: that the next one is taken proves nothing yet.';
COMMENT ON COLUMN outbox_scopes.next_start_at IS 'When the next call of this number may start (OUTBOX_RATE_PER_SENDER).';
ALTER TABLE outbox_scopes SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

CREATE TABLE outbox_pauses (
    kind      text NOT NULL CHECK (kind IN ('all', 'tenant', 'sender')),
    id        text NOT NULL DEFAULT '',
    reason    text,
    paused_by text NOT NULL DEFAULT session_user,
    paused_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (kind, id)
);
COMMENT ON TABLE outbox_pauses IS 'What people have paused: everything, a tenant, or a sending number.';
COMMENT ON COLUMN outbox_pauses.id IS 'tenants.id, or the number without whatsapp:; empty for all.';

-- A scope as people and logs see it.
CREATE FUNCTION pgcourier_masked_scope(scope text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
    RETURN CASE WHEN scope ~ '^sender:\+[1-9][0-9]{7,14}$' THEN left(scope, 11) || '…' || right(scope, 2) ELSE scope END;
COMMENT ON FUNCTION pgcourier_masked_scope IS 'A scope without the whole number: sender:+336…78.';

-- Opens the breaker of a scope, or tells an open one when its next probe may go. Whoever opens it alerts: once.
-- by_callback  Twilio had taken the message and told later: an open one is told so of its probe, and waits longer
-- returns  whether it was closed before
CREATE FUNCTION pgcourier_open_scope(named text, code integer, why text, probe_in interval, by_callback boolean DEFAULT false)
    RETURNS boolean
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    was_open boolean;
BEGIN
    INSERT INTO outbox_scopes (scope) VALUES (named) ON CONFLICT (scope) DO NOTHING;
    SELECT s.opened_at IS NOT NULL INTO was_open FROM outbox_scopes AS s WHERE s.scope = named FOR UPDATE;
    UPDATE outbox_scopes AS s
    SET opened_at = coalesce(s.opened_at, clock_timestamp()), calls = 1, error_code = code, reason = why,
        probes = CASE WHEN was_open THEN s.probes + by_callback::integer ELSE 0 END, is_by_callback = by_callback,
        probe_at = greatest(CASE WHEN was_open THEN s.probe_at END, clock_timestamp() + probe_in,
                            CASE WHEN was_open AND by_callback
                                 THEN clock_timestamp() + least(interval '60 s' * 2 ^ least(s.probes, 3), interval '5 min') END)
    WHERE s.scope = named;
    IF was_open THEN
        RETURN false;
    END IF;
    INSERT INTO event_log (event_type, entity_type, entity_id, correlation_id, actor_type, payload)
    VALUES ('sending_paused', 'scope', pgcourier_masked_scope(named), gen_random_uuid()::text, 'system',
            jsonb_strip_nulls(jsonb_build_object('code', code, 'reason', why)));
    PERFORM pg_notify('ops_alert', '');
    RETURN true;
END $$;
COMMENT ON FUNCTION pgcourier_open_scope IS 'Opens the breaker of a scope; its first caller alerts.';
