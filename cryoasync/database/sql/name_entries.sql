-- Gives the entries of run $1 at positions $2 the ids $3, which their places in a list turned out to have.
UPDATE cryoasync.run_inputs AS inputs
SET source_id = named.source_id
FROM unnest($2::bigint[], $3::text[]) AS named (position, source_id)
WHERE inputs.run_id = $1 AND inputs.position = named.position
