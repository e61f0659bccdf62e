-- The unsettled spans of run $1, in order.
SELECT lower(span), upper(span)
FROM cryoasync.run_blocks AS blocks
JOIN cryoasync.runs ON runs.id = blocks.run_id,
    unnest(
        int8multirange(int8range(block * 1000000, least((block + 1) * 1000000, runs.requested))) - blocks.done
    ) AS span
WHERE blocks.run_id = $1
ORDER BY 1
