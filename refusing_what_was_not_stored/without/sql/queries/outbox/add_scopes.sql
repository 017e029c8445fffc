-- outbox.add_scopes: scopes that are used for the first time. They are ours until the transaction ends.
-- $1 scopes text[]
-- returns  those that nobody else added at the same moment
INSERT INTO outbox_scopes (scope)
SELECT s.scope FROM unnest($1::text[]) AS s (scope) ORDER BY s.scope
ON CONFLICT (scope) DO NOTHING
RETURNING scope;
