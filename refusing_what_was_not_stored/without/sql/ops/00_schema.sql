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

-- Reasons come from Twilio, from people and from the predecessor: what looks like a number in them is masked too. Digits
-- within ids (SM…, uuids) are none, and neither is what is written as a date.
CREATE FUNCTION ops.masked_text(words text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
    RETURN regexp_replace(regexp_replace(regexp_replace(words,
               '(?<![[:alnum:]])([A-Z]{2}\.(?:ENT\.)?[0-9][0-9A-Za-z]{2})[0-9A-Za-z]+([0-9A-Za-z]{2})', '\1…\2', 'g'),
               '(\+(?:[ .()-]?[0-9]){3})(?:[ .()-]{0,2}[0-9]){2,}([ .()-]?[0-9]{2})', '\1…\2', 'g'),
               '((?<=%2B)|(?<![-+…[:alnum:]]))([0-9]{3})[0-9]{2,}([0-9]{2})(?![0-9A-Za-z]|-[0-9a-f]{4}-)', '\2…\3', 'g');
COMMENT ON FUNCTION ops.masked_text IS 'Words without the whole of the phone numbers in them.';

CREATE FUNCTION ops.span(length interval) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
    RETURN CASE WHEN length < interval '0' THEN '0 s'
                WHEN length < interval '10 s' THEN round(extract(epoch FROM length), 1)::text || ' s'
                WHEN length < interval '2 min' THEN floor(extract(epoch FROM length))::text || ' s'
                WHEN length < interval '2 h' THEN floor(extract(epoch FROM length) / 60)::text || ' min'
                WHEN length < interval '2 d' THEN floor(extract(epoch FROM length) / 3600)::text || ' h'
                ELSE floor(extract(epoch FROM length) / 86400)::text || ' days' END;
COMMENT ON FUNCTION ops.span IS 'A length of time as people say it: 8.2 s, 45 s, 12 min, 3 h, 4 days.';

-- What is stored is rounded to milliseconds, and may have been rounded up.
CREATE FUNCTION ops.moment(moment timestamptz) RETURNS text
    LANGUAGE sql STABLE STRICT
    RETURN to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')
           || CASE WHEN moment > now() + interval '1 ms' THEN ' (in ' || ops.span(moment - now()) || ')'
                   ELSE ' (' || ops.span(greatest(now() - moment, interval '0')) || ' ago)' END;
COMMENT ON FUNCTION ops.moment IS 'A time as people read it: 2026-02-08 10:00:00 UTC (in 12 min).';

-- What somebody chose as an id ends up in commands that others paste. Characters that a terminal obeys, that end a line or turn the
-- direction of the text are written by their code: what is seen is what is pasted.
CREATE FUNCTION ops.has_hidden(word text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
    RETURN word ~ '[\u0001-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]';
COMMENT ON FUNCTION ops.has_hidden IS 'Whether a text has characters in it that are obeyed and not shown.';

CREATE FUNCTION ops.sql_word(word text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
    RETURN CASE WHEN NOT ops.has_hidden(word) THEN quote_literal(word)
                ELSE 'U&''' || (
                    SELECT string_agg(CASE WHEN c.one IN ('''', '\') THEN c.one || c.one
                                           WHEN NOT ops.has_hidden(c.one) THEN c.one
                                           WHEN ascii(c.one) < 65536 THEN '\' || lpad(to_hex(ascii(c.one)), 4, '0')
                                           ELSE '\+' || lpad(to_hex(ascii(c.one)), 6, '0') END, '' ORDER BY c.place)
                    FROM regexp_split_to_table(word, '') WITH ORDINALITY AS c (one, place)) || '''' END;
COMMENT ON FUNCTION ops.sql_word IS 'A text as a literal of SQL, on one line, without characters that a terminal obeys.';

-- Where $'…' means nothing, it is still one word: no quote stands within it.
CREATE FUNCTION ops.shell_word(word text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
    RETURN CASE WHEN word ~ '^[A-Za-z0-9_+:./@][A-Za-z0-9_+:./@-]*$' THEN word
                WHEN NOT ops.has_hidden(word) THEN '''' || replace(word, '''', '''\''''') || ''''
                ELSE '$''' || (
                    SELECT string_agg(CASE WHEN c.one = '\' THEN '\\'
                                           WHEN c.one <> '''' AND NOT ops.has_hidden(c.one) THEN c.one
                                           WHEN ascii(c.one) < 128 THEN concat('\', ascii(c.one) >> 6, (ascii(c.one) >> 3) & 7, ascii(c.one) & 7)
                                           ELSE encode(convert_to(c.one, 'UTF8'), 'escape') END, '' ORDER BY c.place)
                    FROM regexp_split_to_table(word, '') WITH ORDINALITY AS c (one, place)) || '''' END;
COMMENT ON FUNCTION ops.shell_word IS 'A text as one word of a shell''s command line.';

-- One that begins like an option would be taken for one.
CREATE FUNCTION ops.shell_argument(word text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
    RETURN CASE WHEN word LIKE '-%' THEN '-- ' ELSE '' END || ops.shell_word(word);
COMMENT ON FUNCTION ops.shell_argument IS 'A text as the last word of a shell''s command line, and never as an option.';

CREATE FUNCTION ops.shell_option(name text, word text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
    RETURN ' --' || name || CASE WHEN word LIKE '-%' THEN '=' ELSE ' ' END || ops.shell_word(word);
COMMENT ON FUNCTION ops.shell_option IS 'An option of a shell''s command line with its value.';
