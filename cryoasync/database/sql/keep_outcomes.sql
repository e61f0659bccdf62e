-- Keeps what became of the entries of run $1, settled in epoch $2, that were not imported.
INSERT INTO cryoasync.run_outcomes (run_id, position, source_id, state, reason, epoch)
SELECT $1, position, source_id, state, reason, $2
FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[]) AS new (position, source_id, state, reason)
ON CONFLICT (run_id, position) DO UPDATE SET state = excluded.state, reason = excluded.reason, epoch = excluded.epoch
