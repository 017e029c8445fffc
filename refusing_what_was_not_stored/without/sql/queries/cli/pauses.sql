-- cli.pauses: what people have paused, and which breakers are open.
SELECT p.scope, p.id, p.reason, p.paused_by AS by, p.paused_at AS since FROM ops.pauses AS p
UNION ALL
SELECT 'breaker', b.scope, b.reason, 'pgcourier', b.opened_at FROM ops.breakers AS b WHERE b.state = 'open'
ORDER BY 5;
