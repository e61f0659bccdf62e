-- Where PubChem and ChEMBL say different things of one molecule.

-- In the order of the elements; charges are left out, the parts of a salt are added up, isotopes of hydrogen are it.
CREATE FUNCTION cryoasync.formula_atoms(formula text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT string_agg(element || atoms, '' ORDER BY element)
    FROM (
        SELECT CASE WHEN atom[1] IN ('D', 'T') THEN 'H' ELSE atom[1] END COLLATE "C" AS element,
               sum(coalesce(nullif(atom[2], '')::bigint, 1)
                   * coalesce(substring(part FROM '^\d+')::bigint, 1)) AS atoms
        FROM string_to_table(formula, '.') AS part,
             regexp_matches(part, '([A-Z][a-z]?)(\d{0,9})', 'g') AS atom
        GROUP BY 1
    ) AS counted;
END;

CREATE FUNCTION cryoasync.stereo_layers(inchi text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(string_agg(layer[1], '' ORDER BY position), '')
    FROM regexp_matches(inchi, '(/[btms][^/]*)', 'g') WITH ORDINALITY AS found (layer, position);
END;
COMMENT ON FUNCTION cryoasync.stereo_layers IS 'The layers /b, /t, /m and /s of an InChI; nothing where it has none.';

-- Two figures agree within their last digits, and within what atomic weights differ from table to table.
CREATE FUNCTION cryoasync.masses_agree(a numeric, b numeric, relative numeric) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN abs(a - b) <= power(10::numeric, -scale(a)) + power(10::numeric, -scale(b)) + relative * greatest(a, b);

CREATE VIEW cryoasync.molecule_conflicts AS
WITH pairs AS (
    SELECT p.source_id::bigint AS cid, c.source_id AS chembl_id, 'molecule' AS joined_by
    FROM cryoasync.molecule_sources AS p
    JOIN cryoasync.molecule_sources AS c ON c.molecule_id = p.molecule_id
    WHERE p.source = 'pubchem' AND c.source = 'chembl'
    UNION ALL
    SELECT l.cid, l.chembl_id, 'unichem'
    FROM cryoasync.unichem_links AS l
    JOIN cryoasync.pubchem_compounds AS p ON p.cid = l.cid
    JOIN cryoasync.chembl_molecules AS c ON c.chembl_id = l.chembl_id
    WHERE cryoasync.standard_inchikey(p.inchikey) <> cryoasync.standard_inchikey(c.standard_inchi_key)
    UNION ALL
    SELECT p.cid, c.chembl_id, 'name'
    FROM cryoasync.pubchem_compounds AS p
    JOIN cryoasync.chembl_molecules AS c
        ON lower(c.pref_name) = lower(p.title) AND left(c.standard_inchi_key, 14) = left(p.inchikey, 14)
    WHERE cryoasync.standard_inchikey(p.inchikey) <> cryoasync.standard_inchikey(c.standard_inchi_key)
        AND NOT EXISTS (
            SELECT FROM cryoasync.unichem_links AS l WHERE l.cid = p.cid AND l.chembl_id = c.chembl_id
        )
)
SELECT conflict.kind,
       conflict.property,
       pairs.joined_by,
       pairs.cid,
       pairs.chembl_id,
       conflict.pubchem_value,
       conflict.chembl_value,
       s.molecule_id,
       p.title AS pubchem_name,
       c.pref_name AS chembl_name
FROM pairs
JOIN cryoasync.pubchem_compounds AS p ON p.cid = pairs.cid
JOIN cryoasync.chembl_molecules AS c ON c.chembl_id = pairs.chembl_id
JOIN cryoasync.molecule_sources AS s ON s.source = 'chembl' AND s.source_id = pairs.chembl_id
CROSS JOIN LATERAL (
    SELECT 'mass', 'molecular_weight', p.molecular_weight::text, c.full_mwt::text
    WHERE NOT cryoasync.masses_agree(p.molecular_weight, c.full_mwt, 0.0001)
    UNION ALL
    SELECT 'mass', 'monoisotopic_mass', p.monoisotopic_mass::text, c.mw_monoisotopic::text
    WHERE NOT cryoasync.masses_agree(p.monoisotopic_mass, c.mw_monoisotopic, 0.000001)
    UNION ALL
    SELECT 'formula', 'molecular_formula', p.molecular_formula, c.full_molformula
    WHERE p.molecular_formula <> c.full_molformula
        AND cryoasync.formula_atoms(p.molecular_formula) <> cryoasync.formula_atoms(c.full_molformula)
    UNION ALL
    SELECT 'stereo', 'inchi', p.inchi, c.standard_inchi
    WHERE p.inchi <> c.standard_inchi
        AND cryoasync.stereo_layers(p.inchi) <> cryoasync.stereo_layers(c.standard_inchi)
    UNION ALL
    SELECT CASE WHEN left(p.inchikey, 14) = left(c.standard_inchi_key, 14) THEN 'stereo' ELSE 'structure' END,
           'inchikey', p.inchikey, c.standard_inchi_key
    WHERE pairs.joined_by <> 'molecule'
        AND (left(p.inchikey, 14) <> left(c.standard_inchi_key, 14) OR p.inchi IS NULL OR c.standard_inchi IS NULL)
) AS conflict (kind, property, pubchem_value, chembl_value);
COMMENT ON VIEW cryoasync.molecule_conflicts IS 'Mass, formula and stereochemistry that PubChem and ChEMBL give differently for one molecule.';
