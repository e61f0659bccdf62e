-- The links of the records $1 (sources) and $2 (ids), for whoever writes the record at the other end waits here.
SELECT
FROM cryoasync.unichem_links AS l
WHERE l.cid = ANY (SELECT id::bigint FROM unnest($1::text[], $2::text[]) AS r (source, id) WHERE source = 'pubchem')
    OR l.chembl_id = ANY (SELECT id FROM unnest($1::text[], $2::text[]) AS r (source, id) WHERE source = 'chembl')
ORDER BY l.chembl_id, l.cid
FOR UPDATE
