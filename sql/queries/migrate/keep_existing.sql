-- migrate.keep_existing: those of the statements whose object is there, in the order given.
-- $1 kinds text[]  $2 objects text[]  $3 statements text[]
SELECT g.statement
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS g (kind, name, statement, place)
WHERE CASE g.kind
          WHEN 'relation' THEN to_regclass(g.name) IS NOT NULL
          WHEN 'function' THEN to_regprocedure(g.name) IS NOT NULL
          ELSE true
      END
ORDER BY g.place;
