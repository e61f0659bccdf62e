-- The entries of compound $2 of source $1, one for each run that has it.
SELECT entries.run_id, runs.name AS run_name, entries.position, entries.line, entries.state, entries.reason
FROM cryoasync.run_inputs AS inputs
JOIN cryoasync.runs ON runs.id = inputs.run_id AND runs.source = $1
JOIN cryoasync.run_entries AS entries ON entries.run_id = inputs.run_id AND entries.position = inputs.position
WHERE inputs.source_id = $2
ORDER BY entries.run_id
