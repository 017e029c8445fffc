-- A re-creation of pgmq (the extension is in neither npm nor Debian): the queue's table with its indexes, and its functions
-- read(), delete() and pop() as they work, statements assembled at run time included. Written for this comparison from what pgmq does;
-- not its code.
CREATE SCHEMA pgmq;
CREATE TABLE pgmq.q_bench (
    msg_id       bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    read_ct      integer NOT NULL DEFAULT 0,
    enqueued_at  timestamptz NOT NULL DEFAULT now(),
    last_read_at timestamptz,
    vt           timestamptz NOT NULL,
    message      jsonb,
    headers      jsonb
);
CREATE INDEX q_bench_vt_idx ON pgmq.q_bench (vt);

CREATE FUNCTION pgmq.read(queue text, visible_after integer, quantity integer) RETURNS SETOF pgmq.q_bench
    LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'WITH next AS (
             SELECT msg_id FROM pgmq.%1$I WHERE vt <= clock_timestamp() ORDER BY msg_id LIMIT $1 FOR UPDATE SKIP LOCKED)
         UPDATE pgmq.%1$I AS m
         SET last_read_at = clock_timestamp(), vt = clock_timestamp() + $2, read_ct = read_ct + 1
         FROM next WHERE m.msg_id = next.msg_id
         RETURNING m.*', 'q_' || queue) USING quantity, make_interval(secs => visible_after);
END $$;

CREATE FUNCTION pgmq.delete(queue text, ids bigint[]) RETURNS SETOF bigint
    LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('DELETE FROM pgmq.%I WHERE msg_id = ANY ($1) RETURNING msg_id', 'q_' || queue) USING ids;
END $$;

CREATE FUNCTION pgmq.pop(queue text, quantity integer) RETURNS SETOF pgmq.q_bench
    LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'WITH next AS (
             SELECT msg_id FROM pgmq.%1$I WHERE vt <= clock_timestamp() ORDER BY msg_id LIMIT $1 FOR UPDATE SKIP LOCKED)
         DELETE FROM pgmq.%1$I AS m WHERE m.msg_id IN (SELECT next.msg_id FROM next)
         RETURNING m.*', 'q_' || queue) USING quantity;
END $$;

INSERT INTO pgmq.q_bench (vt, message) SELECT now(), '{"body": "1"}' FROM generate_series(1, :jobs);
