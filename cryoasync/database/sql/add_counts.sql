-- Moves entries of run $1 between its counts, if epoch $2 is still the latest.
UPDATE cryoasync.runs
SET imported = imported + $3,
    not_found = not_found + $4,
    invalid = invalid + $5,
    failed = failed + $6,
    pending = pending + $7
WHERE id = $1 AND epoch = $2
RETURNING imported, not_found, invalid, failed, pending
