-- What SnapSell's worker still stores after the migration, when it empties Redis, is stored as pgcourier would.
CREATE FUNCTION pgcourier_normalise_message_in() RETURNS trigger
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    NEW."from" := pgcourier_bare_address(NEW."from");
    NEW."to" := pgcourier_bare_address(NEW."to");
    IF NEW.tenant_id IS NOT NULL AND NEW.message_type IS NULL THEN
        NEW.message_type := CASE WHEN EXISTS (SELECT FROM seller_phones AS p
                                              WHERE p.tenant_id = NEW.tenant_id AND p.phone_number = NEW."from") THEN 'seller' ELSE 'client' END;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER pgcourier_normalise BEFORE INSERT ON messages_in
    FOR EACH ROW WHEN (NEW."from" LIKE 'whatsapp:%') EXECUTE FUNCTION pgcourier_normalise_message_in();
