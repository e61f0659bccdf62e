INSERT INTO cryoasync.molecule_sources AS stored (source, source_id, molecule_id)
SELECT source, source_id, molecule_id
FROM unnest($1::text[], $2::text[], $3::uuid[]) AS new (source, source_id, molecule_id)
ORDER BY source, source_id
ON CONFLICT (source, source_id) DO UPDATE SET molecule_id = excluded.molecule_id
WHERE stored.molecule_id <> excluded.molecule_id
