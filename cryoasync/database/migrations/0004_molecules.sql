-- One row a molecule over all sources. Ids are computed by the importer, for PostgreSQL has no SHA-1 of its own.

-- LIKE does not look at the letters, and is ten times faster than a regular expression that would.
CREATE FUNCTION cryoasync.standard_inchikey(inchikey text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN inchikey LIKE '______________-________SA-_' THEN inchikey END;
COMMENT ON FUNCTION cryoasync.standard_inchikey IS 'The key itself where it has the form of a standard InChIKey, else NULL.';

CREATE TABLE cryoasync.molecules (
    id uuid PRIMARY KEY,
    inchikey text COLLATE "C",
    name text,
    smiles text,
    molecular_formula text
);
CREATE UNIQUE INDEX molecules_inchikey ON cryoasync.molecules (inchikey);
COMMENT ON TABLE cryoasync.molecules IS 'One row a structure, over all sources; what has none is a molecule by its source''s id.';
COMMENT ON COLUMN cryoasync.molecules.id IS 'UUIDv5 of the identifiers.org URL of the InChIKey, or of the source''s id where there is no structure.';

CREATE TABLE cryoasync.molecule_sources (
    source text COLLATE "C" NOT NULL,
    source_id text COLLATE "C" NOT NULL,
    molecule_id uuid NOT NULL,
    PRIMARY KEY (source, source_id)
);

-- What the records of one molecule are ordered by: PubChem's before ChEMBL's, each by its number.
CREATE FUNCTION cryoasync.record_place(source text, source_id text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE source WHEN 'pubchem' THEN source_id::bigint ELSE (1::bigint << 62) + substr(source_id, 7)::bigint END;

CREATE INDEX molecule_sources_molecule
    ON cryoasync.molecule_sources (molecule_id, cryoasync.record_place(source, source_id));
COMMENT ON TABLE cryoasync.molecule_sources IS 'Which molecule each record of a source is; several of one source may be the same.';

CREATE TABLE cryoasync.molecule_redirects (
    old_id uuid PRIMARY KEY,
    molecule_id uuid NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX molecule_redirects_molecule ON cryoasync.molecule_redirects (molecule_id);
COMMENT ON TABLE cryoasync.molecule_redirects IS 'Ids of molecules that have become one with others, for whoever kept one.';

CREATE TABLE cryoasync.unichem_links (
    chembl_id text COLLATE "C" NOT NULL,
    cid bigint NOT NULL,
    PRIMARY KEY (chembl_id, cid)
);
CREATE INDEX unichem_links_cid ON cryoasync.unichem_links (cid);
COMMENT ON TABLE cryoasync.unichem_links IS 'Which ChEMBL molecule is which PubChem compound, as UniChem says.';

CREATE FUNCTION cryoasync.linked_records(of_source text, of_id text)
RETURNS TABLE (source text, source_id text, inchikey text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT 'chembl', c.chembl_id::text, cryoasync.standard_inchikey(c.standard_inchi_key)
    FROM cryoasync.unichem_links AS l
    JOIN cryoasync.chembl_molecules AS c ON c.chembl_id = l.chembl_id
    WHERE l.cid = CASE WHEN of_source = 'pubchem' THEN of_id::bigint END
    UNION ALL
    SELECT 'pubchem', p.cid::text, cryoasync.standard_inchikey(p.inchikey)
    FROM cryoasync.unichem_links AS l
    JOIN cryoasync.pubchem_compounds AS p ON p.cid = l.cid
    WHERE l.chembl_id = CASE WHEN of_source = 'chembl' THEN of_id END;
END;
COMMENT ON FUNCTION cryoasync.linked_records IS 'The records that are here and that UniChem says are the same as one.';

CREATE TABLE cryoasync.molecule_backlog (
    source text PRIMARY KEY,
    after text COLLATE "C" NOT NULL
);
COMMENT ON TABLE cryoasync.molecule_backlog IS 'Sources with records older than the table molecules: those after this id are still to be entered.';
INSERT INTO cryoasync.molecule_backlog
SELECT 'pubchem', '0' WHERE EXISTS (SELECT FROM cryoasync.pubchem_compounds)
UNION ALL
SELECT 'chembl', '' WHERE EXISTS (SELECT FROM cryoasync.chembl_molecules);

CREATE VIEW cryoasync.record_values AS
SELECT s.molecule_id,
       cryoasync.record_place(s.source, s.source_id) AS place,
       cryoasync.standard_inchikey(coalesce(p.inchikey, c.standard_inchi_key)) AS inchikey,
       coalesce(p.title, c.pref_name) AS name,
       coalesce(p.smiles, c.canonical_smiles) AS smiles,
       coalesce(p.molecular_formula, c.full_molformula) AS molecular_formula
FROM cryoasync.molecule_sources AS s
LEFT JOIN cryoasync.pubchem_compounds AS p
    ON p.cid = CASE WHEN s.source = 'pubchem' THEN s.source_id::bigint END
LEFT JOIN cryoasync.chembl_molecules AS c
    ON c.chembl_id = CASE WHEN s.source = 'chembl' THEN s.source_id END;
COMMENT ON VIEW cryoasync.record_values IS 'What each record says of its molecule''s row, and its place among the molecule''s records.';

-- What the first of its records says that says anything. Nearly always that is the very first one: looking for each
-- value among the others only where it is missing there keeps the price of a molecule of many records that of one.
CREATE FUNCTION cryoasync.molecule_values(ids uuid[])
RETURNS TABLE (id uuid, inchikey text, name text, smiles text, molecular_formula text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT wanted.id,
           coalesce(first.inchikey, (
               SELECT r.inchikey FROM cryoasync.record_values AS r
               WHERE r.molecule_id = wanted.id AND r.inchikey IS NOT NULL ORDER BY r.place LIMIT 1
           )),
           coalesce(first.name, (
               SELECT r.name FROM cryoasync.record_values AS r
               WHERE r.molecule_id = wanted.id AND r.name IS NOT NULL ORDER BY r.place LIMIT 1
           )),
           coalesce(first.smiles, (
               SELECT r.smiles FROM cryoasync.record_values AS r
               WHERE r.molecule_id = wanted.id AND r.smiles IS NOT NULL ORDER BY r.place LIMIT 1
           )),
           coalesce(first.molecular_formula, (
               SELECT r.molecular_formula FROM cryoasync.record_values AS r
               WHERE r.molecule_id = wanted.id AND r.molecular_formula IS NOT NULL ORDER BY r.place LIMIT 1
           ))
    FROM unnest(ids) AS wanted (id)
    CROSS JOIN LATERAL (
        SELECT * FROM cryoasync.record_values AS r WHERE r.molecule_id = wanted.id ORDER BY r.place LIMIT 1
    ) AS first;
END;
COMMENT ON FUNCTION cryoasync.molecule_values IS 'What the rows of some molecules must say, by what their records say now.';

CREATE VIEW cryoasync.molecule_parents AS
SELECT salt.molecule_id, parent.molecule_id AS parent_molecule_id, c.chembl_id, c.parent_chembl_id
FROM cryoasync.chembl_molecules AS c
JOIN cryoasync.molecule_sources AS salt ON salt.source = 'chembl' AND salt.source_id = c.chembl_id
LEFT JOIN cryoasync.molecule_sources AS parent ON parent.source = 'chembl' AND parent.source_id = c.parent_chembl_id
WHERE c.parent_chembl_id <> c.chembl_id;
COMMENT ON VIEW cryoasync.molecule_parents IS 'Which molecule is a salt or another form of which parent, as ChEMBL says.';
