-- The next $2 molecules after $1, each with its row: the one with the lowest of its CIDs, else its own from an earlier
-- publication, under its id or one that it had, else one with its ChEMBL id, these without a CID of another molecule;
-- else a new one.
CREATE TEMP TABLE publishing ON COMMIT DROP AS
SELECT m.id AS molecule_id,
       f.row_id,
       f.is_new,
       s.cids[1] AS cid,
       s.chembl_ids[1] AS chembl_id,
       {name} AS name,
       {smiles} AS smiles,
       {formula} AS molecular_formula,
       m.inchikey,
       s.cids IS NOT NULL OR {holds_all} AS fits
FROM (SELECT * FROM cryoasync.molecules WHERE id > $1::uuid ORDER BY id LIMIT $2::integer) AS m
CROSS JOIN LATERAL (
    SELECT array_agg(CASE source WHEN 'pubchem' THEN source_id::integer END ORDER BY length(source_id), source_id)
               FILTER (WHERE source = 'pubchem') AS cids,
           array_agg(source_id ORDER BY length(source_id), source_id) FILTER (WHERE source = 'chembl') AS chembl_ids
    FROM cryoasync.molecule_sources
    WHERE molecule_id = m.id
) AS s
LEFT JOIN LATERAL (SELECT t.id FROM {molecules} AS t WHERE t.{cid} = ANY (s.cids) ORDER BY t.{cid} LIMIT 1) AS by_cid
    ON true
LEFT JOIN LATERAL (SELECT t.id, t.{cid} AS cid FROM {molecules} AS t WHERE t.id = m.id) AS own ON true
LEFT JOIN LATERAL (
    SELECT t.id FROM cryoasync.molecule_redirects AS r
    JOIN {molecules} AS t ON t.id = r.old_id AND t.{cid} IS NULL
    WHERE r.molecule_id = m.id
    ORDER BY t.id
    LIMIT 1
) AS earlier ON true
LEFT JOIN LATERAL (
    SELECT t.id FROM {molecules} AS t
    WHERE by_cid.id IS NULL AND own.id IS NULL AND t.{cid} IS NULL AND {by_chembl_id}
    ORDER BY t.id
    LIMIT 1
) AS by_chembl_id ON true
CROSS JOIN LATERAL (
    SELECT coalesce(by_cid.id, CASE WHEN own.cid IS NULL THEN own.id END, earlier.id, by_chembl_id.id) AS found_id
) AS found
CROSS JOIN LATERAL (
    SELECT found_id IS NULL AS is_new,
           coalesce(found_id, CASE WHEN own.id IS NULL THEN m.id ELSE gen_random_uuid() END) AS row_id
) AS f
