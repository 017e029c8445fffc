-- migrate.keep_existing: those of the statements whose object is there, in the order given. A function that has more parameters
-- now, the first ones being what it had, is the same one.
-- $1 kinds text[]  $2 objects text[]  $3 statements text[]
SELECT CASE WHEN grown.name IS NULL THEN g.statement ELSE replace(g.statement, g.name, grown.name) END AS statement
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS g (kind, name, statement, place)
LEFT JOIN LATERAL (
    SELECT min(p.oid::regprocedure::text) AS name FROM pg_proc AS p
    WHERE g.kind = 'function' AND to_regprocedure(g.name) IS NULL AND p.pronamespace = to_regnamespace('ops')
      AND starts_with(p.oid::regprocedure::text, rtrim(g.name, ')') || ',')
    HAVING count(*) = 1) AS grown ON true
WHERE CASE g.kind
          WHEN 'relation' THEN to_regclass(g.name) IS NOT NULL
          WHEN 'column' THEN EXISTS (SELECT FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND NOT a.attisdropped
                                     WHERE c.relnamespace = to_regnamespace('ops') AND format('ops.%I.%I', c.relname, a.attname) = g.name)
          WHEN 'function' THEN to_regprocedure(g.name) IS NOT NULL OR grown.name IS NOT NULL
          ELSE true
      END
ORDER BY g.place;
