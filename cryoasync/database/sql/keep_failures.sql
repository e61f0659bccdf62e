-- Keeps failures of run $1 and source $2; one that is met again is counted on and open again.
INSERT INTO cryoasync.failures AS stored
    (run_id, source, source_id, kind, message, attempts, first_seen, last_seen)
SELECT $1, $2, source_id, kind, message, attempts, now(), now()
FROM unnest($3::text[], $4::text[], $5::text[], $6::integer[]) AS new (source_id, kind, message, attempts)
ON CONFLICT (run_id, source, source_id, kind) DO UPDATE
SET message = excluded.message,
    attempts = stored.attempts + excluded.attempts,
    last_seen = excluded.last_seen,
    resolved_at = NULL
