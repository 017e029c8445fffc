-- What the console asks beside the views: search, conversations, the log. Rights of their owner, numbers masked, no bodies.

CREATE FUNCTION ops.utc(moment timestamptz) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE STRICT
    RETURN to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
COMMENT ON FUNCTION ops.utc IS 'A time as programs read it: 2026-02-08T10:00:00.123Z.';

-- Where a page of a list ended: read by src/console/cursor.
CREATE FUNCTION ops.cursor(at text, id text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN translate(encode(convert_to(coalesce(at, '') || E'\n' || coalesce(id, ''), 'UTF8'), 'base64'), E'+/=\n', '-_');
COMMENT ON FUNCTION ops.cursor IS 'The key of a list''s last row as one opaque text; part of the console.';

-- The address that somebody means who types a number: with spaces, dots and brackets, or 00 for +; or a WhatsApp user id.
CREATE FUNCTION ops.person_meant(words text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT SET search_path FROM CURRENT AS $$
    SELECT CASE WHEN b.number ~ '^\+[1-9][0-9]{7,14}$' THEN b.number
                WHEN b.bare ~ '^[A-Z]{2}\.(ENT\.)?[0-9A-Za-z]{4,}$' THEN b.bare END
    FROM (SELECT a.bare, regexp_replace(regexp_replace(a.bare, '[ ().\u00a0\u2009\u202f/-]', '', 'g'), '^00', '+') AS number
          FROM (SELECT pgcourier_bare_address(words) AS bare) AS a) AS b
$$;
COMMENT ON FUNCTION ops.person_meant IS 'The number or user id that is meant by what somebody typed; NULL: it is neither.';

-- Step by step, as ops.trace.
CREATE FUNCTION ops.find(words text, most integer DEFAULT 50)
    RETURNS TABLE (kind text, id text, tenant_id text, person text, status text, at timestamptz, correlation_id text,
                   provider_message_id text, body_characters integer, media integer, attempts integer, error_code integer,
                   last_error text, held_reason text, event_id text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    wanted text := btrim(words);
    who text := ops.person_meant(wanted);
    correlations text[] := '{}';
    outgoing text[] := '{}';
    incoming text[] := '{}';
    events bigint[] := '{}';
    letters text[] := '{}';
    is_complete boolean := true;
BEGIN
    most := least(greatest(most, 1), 100);
    IF who IS NOT NULL THEN
        SELECT coalesce(array_agg(m.id) FILTER (WHERE m.direction = 'out'), '{}'), coalesce(array_agg(m.id) FILTER (WHERE m.direction = 'in'), '{}'),
               count(*) < most
        INTO outgoing, incoming, is_complete FROM ops.messages_of(who, NULL, most) AS m;
    ELSE
        correlations := ARRAY(SELECT c.id FROM ops.correlations(wanted) AS c (id));
        outgoing := ARRAY(SELECT m.id FROM messages_out AS m WHERE m.id = wanted
                          UNION SELECT m.id FROM messages_out AS m WHERE m.provider_message_id = wanted
                          UNION SELECT x.id FROM (SELECT m.id FROM messages_out AS m
                                                  WHERE m.correlation_id = ANY (correlations) LIMIT most) AS x
                          UNION SELECT d.payload ->> 'message_out_id' FROM dead_letter_jobs AS d
                                WHERE d.id = wanted AND d.job_type = 'message_out');
        incoming := ARRAY(SELECT m.id FROM messages_in AS m WHERE m.id = wanted
                          UNION SELECT m.id FROM messages_in AS m WHERE m.provider_message_id = wanted AND m.duplicate_of IS NULL
                          UNION SELECT x.entity_id
                                FROM (SELECT l.entity_type, l.entity_id FROM event_log AS l
                                      WHERE l.correlation_id = ANY (correlations) LIMIT 1000) AS x
                                WHERE x.entity_type = 'message_in');
        events := ARRAY(SELECT e.id FROM webhook_events AS e WHERE e.key = 'msg:' || wanted
                        UNION SELECT e.id FROM webhook_events AS e WHERE e.id = CASE WHEN wanted ~ '^[0-9]{1,18}$' THEN wanted::bigint END
                        UNION SELECT m.event_id FROM messages_in AS m WHERE m.id = ANY (incoming) AND m.event_id IS NOT NULL
                        UNION SELECT ops.event_of(d) FROM dead_letter_jobs AS d WHERE d.id = wanted AND d.job_type = 'webhook_event');
        letters := ARRAY(SELECT d.id FROM dead_letter_jobs AS d WHERE d.id = wanted);
    END IF;
    RETURN QUERY
    SELECT f.kind, f.id, f.tenant_id, f.person, f.status, f.at, f.correlation_id, f.provider_message_id, f.body_characters, f.media,
           f.attempts, f.error_code, f.last_error, f.held_reason, f.event_id
    FROM (
        SELECT 'message_out' AS kind, m.id, m.tenant_id, ops.masked(m."to") AS person, coalesce(m.delivery_status, m.status) AS status,
               m.created_at AT TIME ZONE 'UTC' AS at, m.correlation_id, m.provider_message_id, char_length(m.body) AS body_characters,
               (m.media_url IS NOT NULL)::integer AS media, m.attempts, m.error_code, ops.masked_text(m.last_error) AS last_error,
               ops.masked_text(m.held_reason) AS held_reason, NULL AS event_id, (m.id = wanted) AS is_it
        FROM messages_out AS m WHERE m.id = ANY (outgoing)
        UNION ALL
        SELECT 'message_in', m.id, m.tenant_id, ops.masked(m."from"), m.message_type, m.created_at AT TIME ZONE 'UTC', m.correlation_id,
               m.provider_message_id, char_length(m.body), coalesce(jsonb_array_length(m.media), (m.media_url IS NOT NULL)::integer),
               NULL, NULL, NULL, NULL, m.event_id::text, m.id = wanted
        FROM messages_in AS m WHERE m.id = ANY (incoming)
        UNION ALL
        SELECT 'webhook_event', e.id::text, NULL, ops.masked(nullif(e."from", '')), e.kind, e.received_at, e.correlation_id, NULL, NULL,
               NULL, NULL, NULL, NULL, NULL, e.id::text, e.id::text = wanted
        FROM webhook_events AS e WHERE e.id = ANY (events)
        UNION ALL
        SELECT 'dead_letter', d.id, d.tenant_id, NULL, CASE WHEN d.resolved_at IS NULL THEN 'waits' ELSE 'resolved' END,
               d.created_at AT TIME ZONE 'UTC', NULL, NULL, NULL, NULL, d.attempts, NULL, ops.masked_text(d.error_message), NULL,
               ops.event_of(d)::text, true
        FROM dead_letter_jobs AS d WHERE d.id = ANY (letters)
        UNION ALL
        (SELECT 'tenant', t.id, t.id, ops.masked(t.whatsapp_phone_number), NULL, t.created_at AT TIME ZONE 'UTC', NULL, NULL, NULL,
                NULL, NULL, NULL, NULL, NULL, NULL, true
         FROM tenants AS t
         WHERE t.id = wanted OR t.whatsapp_phone_number = coalesce(who, wanted) OR lower(t.name) = lower(wanted)
         ORDER BY t.id LIMIT 20)) AS f
    ORDER BY f.is_it DESC, f.at DESC NULLS LAST, f.id
    LIMIT most;
    IF NOT is_complete THEN
        RETURN QUERY SELECT 'more', NULL, NULL, NULL, NULL, NULL::timestamptz, NULL, NULL, NULL::integer, NULL::integer, NULL::integer,
                            NULL::integer, NULL, NULL, NULL;
    END IF;
END $$;
COMMENT ON FUNCTION ops.find IS 'What an id of any kind, a correlation id, Twilio''s id, a tenant''s name or a whole phone number means: the best match first, numbers masked. A last row of the kind more says that a person has more messages than these.';

-- The messages of one tenant with one person, newest first. The person is named by a message with them.
-- before_at, before_id  the last row of the page before; NULL: the newest
CREATE FUNCTION ops.conversation(message_id text, before_at timestamptz DEFAULT NULL, before_id text DEFAULT NULL, most integer DEFAULT 50)
    RETURNS TABLE (id text, direction text, at timestamptz, status text, error_code integer, last_error text, body_characters integer,
                   media integer, correlation_id text, tenant_id text, person text, is_opted_out boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    tenant text;
    who text;
    opted_out boolean;
    outgoing text[];
    incoming text[];
    is_complete boolean;
BEGIN
    SELECT m.tenant_id, m."to" INTO tenant, who FROM messages_out AS m WHERE m.id = message_id;
    IF NOT FOUND THEN
        SELECT m.tenant_id, m."from" INTO tenant, who FROM messages_in AS m WHERE m.id = message_id;
    END IF;
    IF tenant IS NULL THEN
        RETURN;  -- no such message, or one that is nobody's yet
    END IF;
    SELECT coalesce(array_agg(m.id) FILTER (WHERE m.direction = 'out' AND m.tenant_id = tenant), '{}'),
           coalesce(array_agg(m.id) FILTER (WHERE m.direction = 'in' AND m.tenant_id = tenant), '{}'), count(*) < 1000
    INTO outgoing, incoming, is_complete FROM ops.messages_of(who, NULL, 1000) AS m;
    opted_out := EXISTS (SELECT FROM opt_outs AS o WHERE o.tenant_id = tenant
                                                     AND o.phone_number IN (who, pgcourier_erased_address(tenant, who)));
    RETURN QUERY
    SELECT c.id, c.direction, c.at, c.status, c.error_code, c.last_error, c.body_characters, c.media, c.correlation_id, tenant,
           ops.masked(who), opted_out
    FROM (
        SELECT m.id, 'out' AS direction, m.created_at AT TIME ZONE 'UTC' AS at, coalesce(m.delivery_status, m.status) AS status, m.error_code,
               ops.masked_text(m.last_error) AS last_error, char_length(m.body) AS body_characters,
               (m.media_url IS NOT NULL)::integer AS media, m.correlation_id
        FROM messages_out AS m WHERE m.id = ANY (outgoing || message_id) AND m.tenant_id = tenant AND m."to" = who
        UNION ALL
        SELECT m.id, 'in', m.created_at AT TIME ZONE 'UTC', m.message_type, NULL, NULL, char_length(m.body),
               coalesce(jsonb_array_length(m.media), (m.media_url IS NOT NULL)::integer), m.correlation_id
        FROM messages_in AS m WHERE m.id = ANY (incoming || message_id) AND m.tenant_id = tenant AND m."from" = who) AS c
    WHERE before_at IS NULL OR (c.at, c.id) < (before_at, before_id)
    ORDER BY c.at DESC, c.id DESC
    LIMIT least(greatest(most, 1), 101);
    IF NOT is_complete THEN
        RETURN QUERY SELECT NULL, 'more', NULL::timestamptz, NULL, NULL::integer, NULL, NULL::integer, NULL::integer, NULL, tenant,
                            ops.masked(who), opted_out;
    END IF;
END $$;
COMMENT ON FUNCTION ops.conversation IS 'The messages of one tenant with one person, newest first, numbers masked and without bodies; the person is named by any message with them. Of the newest 1,000 messages of this person; a last row of the direction more says that there are others.';

-- A page of event_log, newest first. At most 10,000 rows are looked at, those of the index that fits best: what people did, events
-- of a rare type, else all; the last row, of the type more, says up to where: go on from there.
CREATE FUNCTION ops.log(tenant text DEFAULT NULL, type text DEFAULT NULL, correlation text DEFAULT NULL, since timestamptz DEFAULT NULL,
                        until timestamptz DEFAULT NULL, before_at timestamptz DEFAULT NULL, before_id text DEFAULT NULL,
                        only_people boolean DEFAULT false, most integer DEFAULT 50)
    RETURNS TABLE (id text, at timestamptz, event_type text, entity_type text, entity_id text, tenant_id text, correlation_id text,
                   actor_type text, by text, reason text, detail text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    looked_at integer := 10000;
    is_rare boolean := log.type NOT IN ('webhook_received', 'message_sent', 'message_delivered', 'message_read') AND NOT only_people;
    earliest timestamp := coalesce(since AT TIME ZONE 'UTC', '-infinity');
    latest timestamp := coalesce(until AT TIME ZONE 'UTC', 'infinity');
    last_at timestamp := before_at AT TIME ZONE 'UTC';
    found text[];
    walked bigint;
    walked_at timestamp;
    walked_id text;
BEGIN
    most := least(greatest(most, 1), 101);
    IF tenant IS NOT NULL AND NOT EXISTS (SELECT FROM tenants AS t WHERE t.id = tenant) THEN
        tenant := coalesce((SELECT min(t.id) FROM tenants AS t WHERE t.name = tenant), tenant);
    END IF;
    IF correlation IS NOT NULL THEN
        found := ARRAY(SELECT l.id
                       FROM (SELECT x.id, x.created_at, x.tenant_id, x.event_type, x.actor_type FROM event_log AS x
                             WHERE x.correlation_id = correlation LIMIT 5000) AS l
                       WHERE l.created_at >= earliest AND l.created_at < latest
                         AND (last_at IS NULL OR (l.created_at, l.id) < (last_at, before_id))
                         AND (log.tenant IS NULL OR l.tenant_id = log.tenant) AND (log.type IS NULL OR l.event_type = log.type)
                         AND (NOT only_people OR l.actor_type = 'operator')
                       ORDER BY l.created_at DESC, l.id DESC LIMIT most);
    ELSE
        IF log.tenant IS NULL AND log.type IS NULL AND NOT only_people THEN
            looked_at := most;
        END IF;
        SELECT (array_agg(w.id ORDER BY w.created_at DESC, w.id DESC) FILTER (WHERE w.fits))[1:most], count(*),
               min(w.created_at), (array_agg(w.id ORDER BY w.created_at, w.id))[1]
        INTO found, walked, walked_at, walked_id
        FROM (SELECT y.id, y.created_at,
                     (log.tenant IS NULL OR y.tenant_id = log.tenant) AND (log.type IS NULL OR y.event_type = log.type) AS fits
              FROM (-- event_log_people_idx
                    (SELECT x.id, x.created_at, x.tenant_id, x.event_type FROM event_log AS x
                     WHERE only_people AND x.actor_type = 'operator' AND x.created_at >= earliest AND x.created_at < latest
                       AND (last_at IS NULL OR x.created_at <= last_at) AND (last_at IS NULL OR (x.created_at, x.id) < (last_at, before_id))
                     ORDER BY x.created_at DESC, x.id DESC
                     LIMIT looked_at)
                    UNION ALL
                    -- event_log_rare_idx
                    (SELECT x.id, x.created_at, x.tenant_id, x.event_type FROM event_log AS x
                     WHERE is_rare AND x.event_type = log.type
                       AND x.event_type NOT IN ('webhook_received', 'message_sent', 'message_delivered', 'message_read')
                       AND x.created_at >= earliest AND x.created_at < latest
                       AND (last_at IS NULL OR x.created_at <= last_at) AND (last_at IS NULL OR (x.created_at, x.id) < (last_at, before_id))
                     ORDER BY x.created_at DESC, x.id DESC
                     LIMIT looked_at)
                    UNION ALL
                    -- event_log_created_at_idx
                    (SELECT x.id, x.created_at, x.tenant_id, x.event_type FROM event_log AS x
                     WHERE NOT only_people AND is_rare IS NOT TRUE AND x.created_at >= earliest AND x.created_at < latest
                       AND (last_at IS NULL OR x.created_at <= last_at) AND (last_at IS NULL OR (x.created_at, x.id) < (last_at, before_id))
                     ORDER BY x.created_at DESC, x.id DESC
                     LIMIT looked_at)) AS y) AS w;
    END IF;
    RETURN QUERY
    SELECT l.id, l.created_at AT TIME ZONE 'UTC', l.event_type, l.entity_type, l.entity_id, l.tenant_id, l.correlation_id, l.actor_type,
           ops.masked_text(l.payload ->> 'by'), ops.masked_text(l.payload ->> 'reason'),
           ops.event_words(l.payload - 'by' - 'reason')
    FROM event_log AS l WHERE l.id = ANY (found)
    ORDER BY l.created_at DESC, l.id DESC;
    IF walked >= looked_at AND coalesce(cardinality(found), 0) < most THEN
        RETURN QUERY SELECT walked_id, walked_at AT TIME ZONE 'UTC', 'more', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL;
    END IF;
END $$;
COMMENT ON FUNCTION ops.log IS 'event_log, newest first, numbers masked: of a tenant (id or name), a type, a correlation id, a time, or of people only. A last row of the type more says up to where was looked: ask for what is before it.';
