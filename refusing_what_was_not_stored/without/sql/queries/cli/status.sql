-- cli.status: the health of the service, figure by figure; then, the same in each row, one sentence on all of it, the worst
-- state, and when that was.
WITH health AS MATERIALIZED (
    SELECT row_number() OVER () AS place, h.figure, h.value, h.state, h.warning_from, h.alert_from, h.advice,
           -- `oldest due message, s` at 120.7 is `oldest due message 120.7 s`.
           concat_ws(' ', split_part(h.figure, ', ', 1), h.value, nullif(split_part(h.figure, ', ', 2), '')) AS words
    FROM ops.health AS h),
sentence AS (
    SELECT CASE WHEN bool_and(h.state = 'ok') THEN 'All is well.'
                ELSE concat_ws(' ',
                               'Alert: ' || string_agg(h.words, ', ' ORDER BY h.place) FILTER (WHERE h.state = 'alert') || '.',
                               'Warning: ' || string_agg(h.words, ', ' ORDER BY h.place) FILTER (WHERE h.state = 'warning') || '.')
           END AS words,
           CASE WHEN bool_or(h.state = 'alert') THEN 'alert' WHEN bool_or(h.state = 'warning') THEN 'warning' ELSE 'ok' END AS worst
    FROM health AS h)
SELECT h.figure, h.value, h.state, h.warning_from, h.alert_from, h.advice, s.words, s.worst,
       to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"') AS at
FROM health AS h, sentence AS s
ORDER BY h.place;
