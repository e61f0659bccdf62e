-- Of the molecules $1, those without a record any more give way to $2.
WITH gone AS (
    DELETE FROM cryoasync.molecules AS old
    USING unnest($1::uuid[], $2::uuid[]) AS move (old_id, molecule_id)
    WHERE old.id = move.old_id
        AND NOT EXISTS (SELECT FROM cryoasync.molecule_sources AS s WHERE s.molecule_id = old.id)
    RETURNING move.old_id, move.molecule_id
),
followed AS (
    UPDATE cryoasync.molecule_redirects AS earlier
    SET molecule_id = gone.molecule_id
    FROM gone
    WHERE earlier.molecule_id = gone.old_id
)
INSERT INTO cryoasync.molecule_redirects (old_id, molecule_id)
SELECT old_id, molecule_id FROM gone
ON CONFLICT (old_id) DO UPDATE SET molecule_id = excluded.molecule_id, moved_at = now()
