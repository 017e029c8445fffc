-- What sending depends on, and whether it works.
CREATE VIEW ops.breakers AS
SELECT pgcourier_masked_scope(s.scope) AS scope,
       CASE WHEN s.opened_at IS NULL THEN 'closed'
            -- Nobody probes them any more: the row stays for ten minutes.
            WHEN s.scope LIKE 'credentials:%' AND s.probe_at < now() - interval '1 min'
                 AND s.opened_at < (SELECT max(o.last_success_at) FROM outbox_scopes AS o
                                    WHERE o.scope LIKE 'credentials:%' AND o.opened_at IS NULL)
            THEN 'replaced' ELSE 'open' END AS state,
       ops.masked_text(s.reason) AS reason,
       s.error_code, s.opened_at, s.probe_at AS next_probe_at, s.probes AS failed_probes, s.failures,
       CASE WHEN s.calls < 1024 THEN s.calls END AS calls_at_once, s.last_success_at
FROM outbox_scopes AS s;
COMMENT ON VIEW ops.breakers IS 'What sending depends on: the provider, the credentials, each sending number. Open: nothing is sent but probes.';
COMMENT ON COLUMN ops.breakers.scope IS 'provider, credentials:<fingerprint> or sender:<number, masked>.';
COMMENT ON COLUMN ops.breakers.state IS 'closed: it works; open: nothing of it is sent but probes; replaced: credentials that others have taken the place of, gone in ten minutes.';
COMMENT ON COLUMN ops.breakers.reason IS 'What opened it.';
COMMENT ON COLUMN ops.breakers.error_code IS 'Twilio''s code of that.';
COMMENT ON COLUMN ops.breakers.opened_at IS 'Since when it is open.';
COMMENT ON COLUMN ops.breakers.next_probe_at IS 'When the next message may be sent to see whether it works again.';
COMMENT ON COLUMN ops.breakers.failed_probes IS 'Probes that failed since it opened.';
COMMENT ON COLUMN ops.breakers.failures IS 'Failures in a row since the last success; three open the provider''s or a sender''s.';
COMMENT ON COLUMN ops.breakers.last_success_at IS 'When it last worked, to within 15 s.';
COMMENT ON COLUMN ops.breakers.calls_at_once IS 'NULL: no limit. Else it has just begun, or goes on after a failure: doubled with each success.';
