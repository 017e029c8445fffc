-- cli.top_queues: how deep the queues are.
SELECT queue, waiting, in_flight, delayed, oldest_seconds FROM ops.queue_depth;
