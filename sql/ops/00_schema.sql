-- Schema ops: what people who run pgcourier look at and act with. It holds no data and is made anew by every migration.
DROP SCHEMA IF EXISTS ops CASCADE;
CREATE SCHEMA ops;
COMMENT ON SCHEMA ops IS 'pgcourier: views to look at (SELECT * FROM ops.health) and functions to act with (SELECT ops.retry_dead_letter(id)).';

-- Numbers are shown masked: +33612345678 is +336…78, a user id keeps its country.
CREATE FUNCTION ops.masked(address text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
    RETURN CASE WHEN address ~ '^\+[1-9][0-9]{7,14}$' THEN left(address, 4) || '…' || right(address, 2)
                WHEN address ~ '^[A-Z]{2}\.' THEN left(address, 3) || '…'
                WHEN address = '' THEN '' ELSE '…' END;
COMMENT ON FUNCTION ops.masked IS 'An address as logs and views show it: +336…78.';
