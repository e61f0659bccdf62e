-- The entries of compound $2 of source $1, one for each run that has it; files may hold compounds of any source.
SELECT entries.run_id, runs.name AS run_name, entries.position, entries.line, entries.state, entries.reason
FROM cryoasync.run_inputs AS inputs
JOIN cryoasync.runs ON runs.id = inputs.run_id AND runs.source IN ($1, 'files')
JOIN cryoasync.run_entries AS entries ON entries.run_id = inputs.run_id AND entries.position = inputs.position
WHERE inputs.source_id = $2
ORDER BY entries.run_id
