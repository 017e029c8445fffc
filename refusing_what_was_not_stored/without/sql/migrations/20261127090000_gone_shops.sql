-- What was routed to a shop stays the history of that shop when it is deleted: whoever gets its number next does not get its
-- messages. A message that no tenant ever had has no message_type. (The index without that condition serves the version
-- before this one, as long as both run.)
CREATE INDEX messages_in_unrouted_idx ON messages_in ("to", seq) WHERE tenant_id IS NULL AND message_type IS NULL;

CREATE OR REPLACE FUNCTION pgcourier_route_again() RETURNS trigger
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.whatsapp_phone_number IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO webhook_queue (id)
    SELECT m.event_id FROM messages_in AS m
    WHERE m.tenant_id IS NULL AND m.message_type IS NULL AND m."to" = NEW.whatsapp_phone_number AND m.event_id IS NOT NULL
      AND EXISTS (SELECT FROM webhook_events AS e WHERE e.id = m.event_id)
    ORDER BY m.event_id
    ON CONFLICT (id) DO NOTHING;
    IF FOUND THEN
        PERFORM pg_notify('pgcourier_events', '');
    END IF;
    RETURN NULL;
END $$;
