-- Settles the spans from $2 to $3 (arrays) of run $1; returns for each whether it was settled before.
WITH spans AS (
    SELECT number, start / 1000000 AS block, int8range(start, stop) AS span
    FROM unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY AS spans (start, stop, number)
),
before AS (
    SELECT block, done
    FROM cryoasync.run_blocks
    WHERE run_id = $1 AND block IN (SELECT block FROM spans)
    ORDER BY block
    FOR UPDATE
),
settled AS (
    UPDATE cryoasync.run_blocks AS blocks
    SET done = blocks.done + added.spans
    FROM (SELECT block, range_agg(span) AS spans FROM spans GROUP BY block) AS added
    WHERE blocks.run_id = $1 AND blocks.block = added.block AND NOT blocks.done @> added.spans
)
-- A block that is gone belongs to a run that is gone: the fence that follows refuses it.
SELECT coalesce(before.done @> spans.span, true)
FROM spans
LEFT JOIN before USING (block)
ORDER BY number
