-- cli.read_time: whether something is a time.
-- $1 text
SELECT $1::text::timestamptz;
