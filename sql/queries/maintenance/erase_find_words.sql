-- maintenance.erase_find_words: the other addresses that a STOP or START of the person came with.
-- $1 address text
SELECT DISTINCT h.phone_number
FROM opt_out_history AS own
JOIN opt_out_history AS h ON h.event_id = own.event_id AND h.tenant_id = own.tenant_id
WHERE own.phone_number = $1::text AND h.phone_number <> $1 AND h.phone_number NOT LIKE 'erased:%';
