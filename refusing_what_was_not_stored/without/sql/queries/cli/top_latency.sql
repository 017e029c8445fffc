-- cli.top_latency: how long the steps of the newest messages took.
SELECT step, messages, p50_ms, p95_ms, p99_ms, max_ms FROM ops.latency;
