-- cli.explain: one sentence: why a message has not been sent, or what became of it, and what will happen when.
-- $1 id text
-- returns  whether anything is known of it, the sentence
SELECT e.is_known, e.words AS explanation FROM ops.explanation($1::text) AS e;
