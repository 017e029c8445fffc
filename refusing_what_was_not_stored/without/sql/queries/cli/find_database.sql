-- cli.find_database: whether the server has it.
-- $1 name text
SELECT datname FROM pg_database WHERE datname = $1::text;
