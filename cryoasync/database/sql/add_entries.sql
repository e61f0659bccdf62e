-- Adds the ids $3 (an array) to the entries of run $1, behind the last one, and keeps the listing $4 that has them all,
-- if epoch $2 is still the latest.
WITH run AS (
    UPDATE cryoasync.runs
    SET requested = requested + cardinality($3::text[]), pending = pending + cardinality($3::text[]),
        listing = $4
    WHERE id = $1 AND epoch = $2
    RETURNING id, requested - cardinality($3::text[]) AS next_position, requested,
        imported, not_found, invalid, failed, pending
),
entries AS (
    INSERT INTO cryoasync.run_inputs (run_id, position, source_id)
    SELECT run.id, run.next_position + added.number - 1, added.source_id
    FROM run, unnest($3::text[]) WITH ORDINALITY AS added (source_id, number)
),
blocks AS (
    INSERT INTO cryoasync.run_blocks (run_id, block)
    SELECT run.id, generate_series(run.next_position / 1000000, (run.requested - 1) / 1000000)
    FROM run
    ON CONFLICT DO NOTHING
)
SELECT imported, not_found, invalid, failed, pending FROM run
