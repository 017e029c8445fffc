-- outbox.record_optout: Twilio would not send these messages, since their recipients had opted out there (21610): they have
-- opted out here too, and what waits for them is blocked. Comes after settle.sql or settle_deliveries.sql in the same
-- transaction, in a snapshot of its own. Of others than such messages it does nothing, and nothing when it is repeated.
-- $1 message ids text[]
-- returns  the ids of those whose recipient is recorded
WITH refused AS MATERIALIZED (
    SELECT m.id, m.seq, m.tenant_id, m."to", m.correlation_id, coalesce(m.sent_at, clock_timestamp()) AS occurred_at
    FROM messages_out AS m
    WHERE m.id = ANY ($1::text[]) AND m.error_code = 21610 AND m."to" <> 'erased'
      AND NOT EXISTS (SELECT FROM opt_outs AS o
                      WHERE o.tenant_id = m.tenant_id AND o.phone_number IN (m."to", 'whatsapp:' || m."to",
                                                                                 pgcourier_erased_address(m.tenant_id, m."to")))),
-- Persons in order, as the router takes them.
recorded AS MATERIALIZED (
    SELECT p.id, p.seq, p.tenant_id, p.correlation_id,
           pgcourier_record_opt_word(p.tenant_id, p."to", 'stop', p.occurred_at, 'twilio', NULL, p.correlation_id) AS is_opted_out
    FROM (SELECT DISTINCT ON (r.tenant_id, r."to") r.id, r.seq, r.tenant_id, r."to", r.correlation_id, r.occurred_at
          FROM refused AS r
          ORDER BY r.tenant_id, r."to", r.occurred_at DESC
          OFFSET 0) AS p),
logged AS (
    INSERT INTO event_log (tenant_id, event_type, entity_type, entity_id, correlation_id, actor_type, payload)
    SELECT o.tenant_id, 'opt_out_recorded', 'message_out', o.id, o.correlation_id, 'provider',
           jsonb_build_object('code', 21610, 'is_opted_out', o.is_opted_out)
    FROM recorded AS o ORDER BY o.seq)
SELECT o.id FROM recorded AS o ORDER BY o.seq;
