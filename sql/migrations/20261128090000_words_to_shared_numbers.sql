-- Shops without a number of their own send from a common one, and a shop may have left the number from which it wrote. Whoever
-- answers STOP there means all who wrote from it. A START means those who write from there now: a number that a shop has left is
-- somebody else's.
CREATE FUNCTION pgcourier_shops_that_wrote(number text, persons text[], word text) RETURNS SETOF text
    LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    -- The newest thousand to each address of the person: a word costs as much, however often somebody was written to.
    SELECT DISTINCT m.tenant_id
    FROM unnest(persons) AS p (address)
    CROSS JOIN LATERAL (
        SELECT o.tenant_id, o.sent_from FROM messages_out AS o
        WHERE o."to" = p.address ORDER BY o.created_at DESC LIMIT 1000) AS m
    CROSS JOIN LATERAL (SELECT s.number AS sends_from FROM tenant_senders AS s WHERE s.tenant_id = m.tenant_id) AS t
    WHERE number = coalesce(m.sent_from, t.sends_from) AND (word = 'stop' OR number = t.sends_from)
      -- A seller cannot opt out.
      AND NOT EXISTS (SELECT FROM seller_phones AS s WHERE s.tenant_id = m.tenant_id AND s.phone_number = ANY (persons));
$$;
COMMENT ON FUNCTION pgcourier_shops_that_wrote IS 'The shops that wrote to a person, or are about to, from a number that may not be theirs: a STOP to that number is said to them.';

-- A word for a shop other than the one whose number it went to. That shop's triggers and constraints cost nobody else a message.
CREATE FUNCTION pgcourier_record_word_elsewhere(tenant text, address text, said text, said_at timestamptz, said_in text, event bigint,
                                                correlation text) RETURNS boolean
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    RETURN pgcourier_record_opt_word(tenant, address, said, said_at, said_in, event, correlation);
EXCEPTION WHEN integrity_constraint_violation OR data_exception OR plpgsql_error THEN
    RAISE WARNING 'a word could not be recorded for tenant %: %', tenant, SQLERRM;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION pgcourier_record_word_elsewhere IS 'Records a STOP or START for a shop that wrote from a number which is not its own; NULL: it could not be.';
