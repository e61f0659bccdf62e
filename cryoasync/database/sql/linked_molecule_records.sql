-- The records without a structure among $1 (sources), $2 (ids) and $3 (whether each has one), and those that are
-- linked with them, each with the record whose identity it takes: of all that links lead to, over records without a
-- structure, the first that has one, else the first of them all.
WITH RECURSIVE touched AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::boolean[]) AS touched (source, source_id, has_structure)
),
seeds AS (
    SELECT source, source_id FROM touched WHERE NOT has_structure
    UNION
    SELECT linked.source, linked.source_id
    FROM touched, cryoasync.linked_records(touched.source, touched.source_id) AS linked
    WHERE linked.inchikey IS NULL
),
reached AS (
    SELECT source AS seed_source, source_id AS seed_id, source, source_id, NULL::text AS inchikey
    FROM seeds
    UNION
    SELECT reached.seed_source, reached.seed_id, linked.source, linked.source_id, linked.inchikey
    FROM reached, cryoasync.linked_records(reached.source, reached.source_id) AS linked
    WHERE reached.inchikey IS NULL
),
elected AS (
    SELECT DISTINCT ON (seed_source, seed_id) seed_source, seed_id, source, source_id, inchikey
    FROM reached
    ORDER BY seed_source, seed_id, inchikey IS NULL, source <> 'pubchem', length(source_id), source_id COLLATE "C"
)
SELECT DISTINCT
    member.source,
    member.source_id,
    elected.source AS elected_source,
    elected.source_id AS elected_id,
    elected.inchikey,
    placed.molecule_id
FROM reached AS member
JOIN elected USING (seed_source, seed_id)
LEFT JOIN cryoasync.molecule_sources AS placed
    ON placed.source = member.source AND placed.source_id = member.source_id
WHERE member.inchikey IS NULL
