-- The records $1 (sources) and $2 (ids): their own structure, and the molecule that they are so far.
SELECT wanted.source,
       wanted.source_id,
       cryoasync.standard_inchikey(coalesce(p.inchikey, c.standard_inchi_key)) AS inchikey,
       placed.molecule_id
FROM unnest($1::text[], $2::text[]) AS wanted (source, source_id)
LEFT JOIN cryoasync.pubchem_compounds AS p
    ON p.cid = CASE WHEN wanted.source = 'pubchem' THEN wanted.source_id::bigint END
LEFT JOIN cryoasync.chembl_molecules AS c
    ON c.chembl_id = CASE WHEN wanted.source = 'chembl' THEN wanted.source_id END
LEFT JOIN cryoasync.molecule_sources AS placed
    ON placed.source = wanted.source AND placed.source_id = wanted.source_id
WHERE p.cid IS NOT NULL OR c.chembl_id IS NOT NULL
