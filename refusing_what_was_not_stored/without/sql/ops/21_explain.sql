-- Why a message has not been sent, and what will happen when, in one sentence. The functions that end in _words say a part of
-- it; all of them look things up by key and change nothing.

CREATE FUNCTION ops.attempts_words(attempts integer) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT
    RETURN attempts || CASE attempts WHEN 1 THEN ' attempt' ELSE ' attempts' END;
COMMENT ON FUNCTION ops.attempts_words IS 'How many attempts.';

-- What keeps a message in the queue from being claimed, apart from what stands before it in its conversation: each obstacle
-- with its end, or NULL when there is none.
CREATE FUNCTION ops.obstacle_words(message messages_out, due timestamptz) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    own_number text := (SELECT s.number FROM tenant_senders AS s WHERE s.tenant_id = message.tenant_id);
    words text[] := '{}';
    one record;
BEGIN
    FOR one IN
        SELECT p.kind, p.paused_by, p.paused_at, p.reason FROM outbox_pauses AS p
        WHERE (p.kind, p.id) IN (('all', ''), ('tenant', message.tenant_id), ('sender', own_number))
        ORDER BY p.paused_at
    LOOP
        words := words || format('%s paused sending %s at %s%s, and SELECT ops.resume_sending(%s) goes on', one.paused_by,
                                 CASE one.kind WHEN 'all' THEN 'of all' WHEN 'tenant' THEN 'of this tenant' ELSE 'from its number' END,
                                 ops.moment(one.paused_at), coalesce(', saying: ' || ops.masked_text(nullif(one.reason, '')), ''),
                                 CASE one.kind WHEN 'all' THEN '' WHEN 'tenant' THEN '''tenant'', ' || ops.sql_word(message.tenant_id)
                                               ELSE '''sender'', number' END);
    END LOOP;
    FOR one IN SELECT max(b.sending_waits_until) AS ends_at FROM backfills AS b WHERE b.sending_waits_until > now() AND b.sending_waits_until <= now() + interval '31 s' HAVING count(*) > 0 LOOP
        words := words || format('after an outage sending waits until each STOP that was missed is known, until %s at the latest',
                                 ops.moment(one.ends_at));
    END LOOP;
    FOR one IN
        SELECT s.scope, s.opened_at, s.probe_at, s.reason FROM outbox_scopes AS s
        WHERE s.opened_at IS NOT NULL AND (s.scope IN ('provider', 'sender:' || own_number) OR s.scope LIKE 'credentials:%')
              AND NOT EXISTS (SELECT FROM ops.breakers AS b
                              WHERE b.scope = pgcourier_masked_scope(s.scope) AND b.opened_at = s.opened_at AND b.state = 'replaced')
        ORDER BY s.opened_at
    LOOP
        words := words || format('the breaker of %s is open since %s%s, and the next probe is %s',
                                 CASE WHEN one.scope = 'provider' THEN 'the provider' WHEN one.scope LIKE 'sender:%' THEN 'its number'
                                      ELSE 'the credentials' END,
                                 ops.moment(one.opened_at), coalesce(' by ' || ops.masked_text(one.reason), ''),
                                 CASE WHEN one.probe_at > now() THEN 'at ' || ops.moment(one.probe_at) ELSE 'due' END);
    END LOOP;
    IF NOT EXISTS (SELECT FROM instances AS i
                   WHERE i.heartbeat_at >= now() - interval '30 s' AND 'sender' = ANY (string_to_array(i.roles, ','))) THEN
        words := words || 'no sender is running, start pgcourier serve with the role sender'::text;
    ELSIF due <= now() AND words = '{}' THEN
        SELECT s.next_start_at, s.calls INTO one FROM outbox_scopes AS s WHERE s.scope = 'sender:' || own_number;
        IF one.next_start_at > clock_timestamp() + interval '100 ms' THEN
            words := words || format('its number sends as fast as OUTBOX_RATE_PER_SENDER lets it, and may start its next call in %s',
                                     ops.span(one.next_start_at - clock_timestamp()));
        ELSIF one.calls < 1024 THEN
            words := words || format('its number has just begun or failed, so that only %s at a time may be in flight; the number doubles with each success',
                                     one.calls);
        END IF;
    END IF;
    RETURN nullif(array_to_string(words, '; '), '');
END $$;
COMMENT ON FUNCTION ops.obstacle_words IS 'What keeps a queued message from being claimed: pauses, an outage just over, breakers, no sender, a rate. NULL: nothing.';

-- A message that is in the queue or under a lease. Of the one before it in its conversation the same is said once.
CREATE FUNCTION ops.waiting_words(message messages_out, is_the_one_before boolean DEFAULT false) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    queued outbox_queue;
    lease outbox_leases;
    before outbox_queue;
    other messages_out;
    who text;
    said text;
    obstacles text;
    ahead bigint;
BEGIN
    SELECT q.* INTO queued FROM outbox_queue AS q WHERE q.seq = message.seq;
    SELECT l.* INTO lease FROM outbox_leases AS l WHERE l.tenant_id = message.tenant_id AND l.recipient = message."to";

    IF lease.seq = message.seq THEN
        who := (SELECT format('%s (pid %s on %s)', i.id, i.pid, i.host) FROM instances AS i WHERE i.id = lease.instance_id);
        IF lease.unknown_since IS NULL THEN
            RETURN format('is being sent at this moment: attempt %s, taken at %s by instance %s; %s', lease.attempt, ops.moment(lease.claimed_at),
                          coalesce(who, lease.instance_id || ', which is gone'),
                          CASE WHEN lease.expires_at > now() THEN 'its lease lasts until ' || ops.moment(lease.expires_at)
                               ELSE 'its lease has ended, and its outcome will be found out as soon as a sender sweeps it' END);
        END IF;
        RETURN format('may have been sent: the outcome of attempt %s is unknown since %s: %s; %s', lease.attempt,
                      ops.moment(lease.unknown_since), coalesce(ops.masked_text(message.last_error), 'nobody said why'),
                      CASE WHEN lease.look_at = 'infinity' OR message.held_reason IS NOT NULL
                           THEN format('it is held for a person%s: SELECT ops.settle_unknown(%s, true) when Twilio''s console shows it, else with false',
                                       coalesce(' (' || ops.masked_text(message.held_reason) || ')', ''), ops.sql_word(message.id))
                           ELSE format('a callback settles it, else Twilio''s list, which is looked at %s',
                                       CASE WHEN coalesce(lease.look_at, lease.claimed_at + interval '51 s') > now()
                                            THEN 'next at ' || ops.moment(coalesce(lease.look_at, lease.claimed_at + interval '51 s'))
                                            ELSE 'as soon as a sender is at it' END
                                       || CASE WHEN lease.look_failures > 0 THEN format(' (it did not answer %s times)', lease.look_failures) ELSE '' END)
                      END);
    END IF;
    IF message.held_reason IS NOT NULL THEN
        RETURN format('is held for a person (%s): SELECT ops.release_message(%s) sends it, SELECT ops.cancel_message(%s) does not',
                      ops.masked_text(message.held_reason), ops.sql_word(message.id), ops.sql_word(message.id));
    END IF;
    IF message.status NOT IN ('pending', 'failed') THEN
        RETURN format('is %s and has no lease, which should not be: say so to those who make pgcourier', message.status);
    END IF;
    IF queued.seq IS NULL THEN
        RETURN format('is %s but not in the queue, so that nobody sends it, which should not be: SELECT ops.cancel_message(%s), then insert it again',
                      message.status, ops.sql_word(message.id));
    END IF;

    obstacles := ops.obstacle_words(message, queued.due_at);
    SELECT h.* INTO before FROM outbox_queue AS h
    WHERE h.tenant_id = queued.tenant_id AND h.recipient = queued.recipient AND h.seq < queued.seq
      AND (h.due_at <= now() OR h.is_retry OR h.is_behind)
    ORDER BY h.seq LIMIT 1;

    IF message.send_at > now() AND message.status = 'pending' AND message.attempts = 0 THEN
        said := 'is scheduled: it is due at ' || ops.moment(message.send_at);
    ELSIF NOT is_the_one_before AND lease.seq IS NOT NULL THEN
        SELECT m.* INTO other FROM messages_out AS m WHERE m.id = lease.message_id;
        RETURN format('waits behind message %s to the same person, which %s; it goes as soon as that one is settled%s', other.id,
                      ops.waiting_words(other, true), coalesce('; besides, ' || obstacles, ''));
    ELSIF NOT is_the_one_before AND before.seq IS NOT NULL THEN
        SELECT m.* INTO other FROM messages_out AS m WHERE m.seq = before.seq;
        RETURN format('waits behind message %s to the same person, which %s; it goes as soon as that one is sent or given up', other.id,
                      ops.waiting_words(other, true));
    ELSIF message.attempts > 0 THEN
        said := format('was surely not sent at attempt %s (%s), and attempt %s is due %s', message.attempts,
                       coalesce(ops.masked_text(message.last_error), 'it was not said why'), message.attempts + 1,
                       CASE WHEN queued.due_at > now() THEN 'at ' || ops.moment(queued.due_at) ELSE 'now' END);
    ELSIF queued.due_at > now() THEN
        said := format('is due at %s%s', ops.moment(queued.due_at),
                       coalesce(', put back without using an attempt: ' || ops.masked_text(message.last_error), ''));
    ELSE
        ahead := (SELECT count(*) FROM (SELECT FROM outbox_queue AS q
                                        WHERE q.tenant_id = queued.tenant_id AND (q.due_at, q.seq) < (queued.due_at, queued.seq)
                                        ORDER BY q.due_at, q.seq LIMIT 10000) AS k);
        said := format('is due since %s%s%s', ops.moment(queued.due_at),
                       coalesce(', put back without using an attempt (' || ops.masked_text(message.last_error) || ')', ''),
                       CASE WHEN ahead > 0 THEN format(', behind %s%s of its tenant', CASE WHEN ahead = 10000 THEN 'more than ' ELSE '' END, ahead)
                            ELSE '' END);
    END IF;
    IF obstacles IS NOT NULL THEN
        said := said || '; but ' || obstacles;
    ELSIF queued.due_at <= now() THEN
        said := said || '; a sender takes it at its next look, within seconds';
    END IF;
    RETURN said || CASE WHEN message.expires_at IS NOT NULL AND NOT is_the_one_before THEN '; it expires unsent at ' || ops.moment(message.expires_at)
                        ELSE '' END;
END $$;
COMMENT ON FUNCTION ops.waiting_words IS 'Why a message that is not finished has not been sent, without its subject.';

CREATE FUNCTION ops.outgoing_words(message messages_out) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    changed_at timestamptz := message.updated_at AT TIME ZONE 'UTC';
    letter text := (SELECT d.id FROM dead_letter_jobs AS d
                    WHERE d.job_type = 'message_out' AND d.payload ->> 'message_out_id' = message.id AND d.resolved_at IS NULL
                    ORDER BY d.created_at DESC LIMIT 1);
BEGIN
    CASE message.status
    WHEN 'sent' THEN
        RETURN format('was sent at %s%s%s; %s', ops.moment(coalesce(message.sent_at, changed_at)), coalesce(' from ' || ops.masked(message.sent_from), ''),
            coalesce(' as ' || message.provider_message_id, ''),
            CASE WHEN message.read_at IS NOT NULL THEN 'it was read at ' || ops.moment(message.read_at)
                 WHEN message.undelivered_at IS NOT NULL
                 THEN format('but it could not be delivered, as Twilio told at %s: %s%s', ops.moment(message.undelivered_at),
                             coalesce(ops.masked_text(message.last_error), 'without a reason'),
                             CASE WHEN letter IS NOT NULL THEN format('; SELECT ops.retry_dead_letter(%s) writes it once more', ops.sql_word(letter)) ELSE '' END)
                 WHEN message.delivered_at IS NOT NULL THEN 'it was delivered at ' || ops.moment(message.delivered_at)
                 WHEN message.delivery_status IS NOT NULL THEN 'the last that Twilio told of it is ' || message.delivery_status
                 ELSE 'Twilio has not told yet what became of it' END);
    WHEN 'dead' THEN
        RETURN format('was given up at %s after %s: %s%s', ops.moment(changed_at), ops.attempts_words(message.attempts),
                      coalesce(ops.masked_text(message.last_error), 'it was not said why'),
                      CASE WHEN letter IS NOT NULL
                           THEN format('; nothing more happens unless a person retries it: SELECT ops.retry_dead_letter(%s)', ops.sql_word(letter))
                           ELSE '; its dead letter was discarded' END);
    WHEN 'blocked' THEN
        RETURN format('was blocked at %s, since its recipient said STOP to this shop; it is never sent, also not after a START', ops.moment(changed_at));
    WHEN 'expired' THEN
        RETURN format('expired at %s: it was not sent before its expires_at, and is not sent any more%s', ops.moment(coalesce(message.expires_at, changed_at)),
                      CASE WHEN message.attempts > 0 THEN format(' (after %s)', ops.attempts_words(message.attempts)) ELSE '' END);
    WHEN 'canceled' THEN
        RETURN format('was taken back at %s%s; it is not sent any more', ops.moment(changed_at),
                      coalesce(', saying: ' || ops.masked_text(substring(message.last_error FROM '^canceled: (.*)$')), ''));
    ELSE
        RETURN ops.waiting_words(message);
    END CASE;
END $$;
COMMENT ON FUNCTION ops.outgoing_words IS 'What became of an outgoing message, without its subject.';

-- An event of the inbox: waiting, given up or routed without anything that follows.
CREATE FUNCTION ops.event_state_words(event webhook_events) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    queued webhook_queue;
    letter dead_letter_jobs;
    ahead bigint;
    has_router boolean := EXISTS (SELECT FROM instances AS i WHERE i.heartbeat_at >= now() - interval '30 s'
                                                               AND 'router' = ANY (string_to_array(i.roles, ',')));
BEGIN
    SELECT q.* INTO queued FROM webhook_queue AS q WHERE q.id = event.id;
    SELECT d.* INTO letter FROM dead_letter_jobs AS d
    WHERE d.job_type = 'webhook_event' AND d.payload ->> 'webhook_event_id' = event.id::text AND d.resolved_at IS NULL
    ORDER BY d.created_at DESC LIMIT 1;
    IF queued.id IS NOT NULL THEN
        ahead := (SELECT count(*) FROM (SELECT FROM webhook_queue AS q WHERE q.id < event.id ORDER BY q.id LIMIT 10000) AS k);
        RETURN format('was received at %s and waits to be routed%s; %s', ops.moment(event.received_at),
            CASE WHEN queued.is_postponed THEN ', since somebody else has a row of its tenant locked'
                 WHEN queued.attempts > 0 THEN format(' after %s', ops.attempts_words(queued.attempts)) WHEN ahead > 0 THEN format(', behind %s others', ahead)
                 ELSE '' END,
            CASE WHEN NOT has_router THEN 'no router is running, start pgcourier serve with the role router'
                 WHEN queued.due_at > now() THEN 'its next attempt is at ' || ops.moment(queued.due_at)
                 ELSE 'a router takes it at its next look, within seconds' END);
    ELSIF letter.id IS NOT NULL THEN
        RETURN format('was received at %s and could not be routed in %s: %s; nothing more happens unless a person retries it: SELECT ops.retry_dead_letter(%s)',
                      ops.moment(event.received_at), ops.attempts_words(letter.attempts), coalesce(ops.masked_text(letter.error_message), 'it was not said why'), ops.sql_word(letter.id));
    END IF;
    RETURN format('was received at %s and routed', ops.moment(event.received_at));
END $$;
COMMENT ON FUNCTION ops.event_state_words IS 'What becomes of an event of the inbox, without its subject.';

CREATE FUNCTION ops.incoming_words(message messages_in) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    stored_at timestamptz := message.created_at AT TIME ZONE 'UTC';
    event webhook_events;
    owner text := (SELECT t.id FROM tenants AS t WHERE t.whatsapp_phone_number = message."to");
BEGIN
    IF message.duplicate_of IS NOT NULL THEN
        RETURN format('is a second row of message in %s, stored by the predecessor, and goes nowhere', message.duplicate_of);
    ELSIF message.tenant_id IS NULL AND message."to" IS NULL THEN
        RETURN format('was stored at %s by the predecessor without the number that it was written to, and no tenant has it', ops.moment(stored_at));
    ELSIF message.tenant_id IS NULL AND message.message_type IS NOT NULL THEN
        RETURN format('was received at %s from a %s of a tenant that has been deleted since', ops.moment(stored_at), message.message_type);
    ELSIF message.tenant_id IS NULL THEN
        SELECT e.* INTO event FROM webhook_events AS e WHERE e.id = message.event_id;
        RETURN format('was received at %s and is unrouted: %s', ops.moment(stored_at),
            CASE WHEN event.id IS NULL THEN format('no tenant had the number %s, and its event is no longer kept (RETENTION_DAYS)', ops.masked(message."to"))
                 WHEN owner IS NULL THEN format('no tenant has the number %s; it is routed by itself as soon as one gets it', ops.masked(message."to"))
                 WHEN EXISTS (SELECT FROM webhook_queue AS q WHERE q.id = event.id) THEN format('tenant %s has its number by now, and it is being routed again', owner)
                 ELSE format('tenant %s has its number by now; SELECT ops.reroute(event => %s) routes it again', owner, event.id) END);
    END IF;
    RETURN format('was received at %s from a %s of tenant %s; %s', ops.moment(stored_at), coalesce(message.message_type, 'person'), message.tenant_id,
        CASE WHEN message.handled_at IS NOT NULL THEN 'the shop has handled it at ' || ops.moment(message.handled_at)
             ELSE 'the shop has not handled it yet (handled_at is NULL)' END);
END $$;
COMMENT ON FUNCTION ops.incoming_words IS 'What became of an incoming message, without its subject.';

-- Rights of its owner, as ops.trace.
CREATE FUNCTION ops.explanation(id text, OUT is_known boolean, OUT words text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    outgoing messages_out;
    incoming messages_in;
    event webhook_events;
    correlation text[];
BEGIN
    IF pgcourier_bare_address($1) ~ '^(\+[1-9][0-9]{7,14}|[A-Z]{2}\..+)$' THEN
        is_known := false;
        words := format('%s is a person or a shop, and no message: ops.messages_of(…), or pgcourier show, lists what came from there and went there.',
                        ops.masked(pgcourier_bare_address($1)));
        RETURN;
    END IF;
    is_known := true;
    SELECT m.* INTO outgoing FROM messages_out AS m WHERE m.id = $1;
    IF outgoing.id IS NULL THEN
        SELECT m.* INTO incoming FROM messages_in AS m WHERE m.id = $1;
    END IF;
    IF outgoing.id IS NULL AND incoming.id IS NULL THEN
        -- Twilio's id of it, a dead letter's, an event's, or a correlation id: then the first message that is not finished, else the last.
        SELECT m.* INTO outgoing FROM messages_out AS m
        WHERE m.seq = (SELECT max(f.seq) FROM (SELECT x.seq FROM messages_out AS x WHERE x.provider_message_id = $1 OFFSET 0) AS f);
        IF outgoing.id IS NULL THEN
            SELECT m.* INTO outgoing FROM dead_letter_jobs AS d JOIN messages_out AS m ON m.id = d.payload ->> 'message_out_id'
            WHERE d.id = $1 AND d.job_type = 'message_out';
        END IF;
        IF outgoing.id IS NULL THEN
            -- Of very many, among 10,000: a shop may give all that it writes the same one.
            SELECT m.* INTO outgoing FROM messages_out AS m
            WHERE m.seq = (SELECT x.seq FROM (SELECT y.seq, y.status FROM messages_out AS y WHERE y.correlation_id = $1 LIMIT 10000) AS x
                           ORDER BY x.status IN ('pending', 'failed', 'sending', 'unknown') DESC,
                                    CASE WHEN x.status IN ('pending', 'failed', 'sending', 'unknown') THEN x.seq ELSE -x.seq END
                           LIMIT 1);
        END IF;
        IF outgoing.id IS NULL THEN
            SELECT m.* INTO incoming FROM messages_in AS m WHERE m.provider_message_id = $1 AND m.duplicate_of IS NULL;
        END IF;
    END IF;
    IF outgoing.id IS NOT NULL THEN
        words := format('Message %s %s.', outgoing.id, ops.outgoing_words(outgoing));
        RETURN;
    END IF;
    correlation := ARRAY(SELECT c.id FROM ops.correlations($1) AS c (id));
    IF incoming.id IS NULL THEN
        SELECT m.* INTO incoming
        FROM (SELECT x.entity_type, x.entity_id FROM event_log AS x WHERE x.correlation_id = ANY (correlation) LIMIT 10000) AS l
        JOIN messages_in AS m ON m.id = l.entity_id
        WHERE l.entity_type = 'message_in' LIMIT 1;
    END IF;
    IF incoming.id IS NOT NULL THEN
        words := format('Message in %s %s.', incoming.id, ops.incoming_words(incoming));
        RETURN;
    END IF;
    SELECT e.* INTO event FROM webhook_events AS e WHERE e.key = 'msg:' || $1;
    IF event.id IS NULL AND $1 ~ '^[0-9]{1,18}$' THEN
        SELECT e.* INTO event FROM webhook_events AS e WHERE e.id = $1::bigint;
    END IF;
    IF event.id IS NULL THEN
        SELECT e.* INTO event FROM dead_letter_jobs AS d
        JOIN webhook_events AS e ON e.id = CASE WHEN d.payload ->> 'webhook_event_id' ~ '^[0-9]{1,18}$'
                                                THEN (d.payload ->> 'webhook_event_id')::bigint END
        WHERE d.id = $1 AND d.job_type = 'webhook_event';
    END IF;
    IF event.id IS NULL THEN
        SELECT e.* INTO event
        FROM (SELECT x.entity_type, x.entity_id FROM event_log AS x WHERE x.correlation_id = ANY (correlation) LIMIT 10000) AS l
        JOIN webhook_events AS e ON e.id = CASE WHEN l.entity_id ~ '^[0-9]{1,18}$' THEN l.entity_id::bigint END
        WHERE l.entity_type = 'webhook_event' LIMIT 1;
    END IF;
    IF event.id IS NULL THEN
        SELECT e.* INTO event
        FROM (SELECT q.id FROM webhook_queue AS q ORDER BY q.id LIMIT 10000) AS q
        CROSS JOIN LATERAL (SELECT x.id, x.correlation_id FROM webhook_events AS x WHERE x.id = q.id OFFSET 0) AS f
        JOIN webhook_events AS e ON e.id = f.id
        WHERE f.correlation_id = $1 LIMIT 1;
    END IF;
    IF event.id IS NOT NULL THEN
        words := format('Event %s (%s) %s.', event.id, event.kind, ops.event_state_words(event));
        RETURN;
    END IF;
    is_known := false;
    words := format('Nothing is known of %s: its INSERT is not committed or was rolled back, it is no longer kept (RETENTION_DAYS), or the id is another one.', $1);
END $$;
COMMENT ON FUNCTION ops.explanation IS 'ops.explain, and whether anything is known of the id.';

CREATE FUNCTION ops.explain(id text) RETURNS text
    LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT e.words FROM ops.explanation($1) AS e
$$;
COMMENT ON FUNCTION ops.explain IS 'One sentence: why a message has not been sent, or what became of it, and what will happen when. For the id of a message, in or out, Twilio''s id of it, its correlation id, an event''s or a dead letter''s.';
