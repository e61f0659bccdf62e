CREATE TABLE {schema}.molecules (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    cid integer UNIQUE,
    chembl_id varchar(20),
    name text,
    molecular_formula text,
    smiles text,
    inchikey text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    pubchem_link text GENERATED ALWAYS AS ('https://pubchem.ncbi.nlm.nih.gov/compound/' || cid) STORED
);
CREATE INDEX idx_molecules_chembl_id ON {schema}.molecules (chembl_id);
CREATE UNIQUE INDEX idx_molecules_inchikey_unique
    ON {schema}.molecules (inchikey) WHERE inchikey IS NOT NULL;
