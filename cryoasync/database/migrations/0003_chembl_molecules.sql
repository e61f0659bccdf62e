CREATE TABLE cryoasync.chembl_molecules (
    chembl_id text COLLATE "C" PRIMARY KEY,
    pref_name text,
    molecule_type text,
    structure_type text,
    parent_chembl_id text COLLATE "C",
    canonical_smiles text,
    standard_inchi text,
    standard_inchi_key text,
    full_molformula text,
    molecular_species text,
    ro3_pass text,
    max_phase numeric,
    full_mwt numeric,
    mw_freebase numeric,
    mw_monoisotopic numeric,
    alogp numeric,
    cx_logp numeric,
    cx_logd numeric,
    cx_most_apka numeric,
    cx_most_bpka numeric,
    psa numeric,
    qed_weighted numeric,
    np_likeness_score numeric,
    first_approval integer,
    hba integer,
    hbd integer,
    hba_lipinski integer,
    hbd_lipinski integer,
    rtb integer,
    heavy_atoms integer,
    aromatic_rings integer,
    num_ro5_violations integer,
    num_lipinski_ro5_violations integer,
    synonyms text[],
    extra jsonb,
    chembl_release text,
    fetched_at timestamptz NOT NULL,
    run_id bigint NOT NULL
);
CREATE INDEX chembl_molecules_standard_inchi_key ON cryoasync.chembl_molecules (standard_inchi_key);
CREATE INDEX chembl_molecules_parent_chembl_id ON cryoasync.chembl_molecules (parent_chembl_id);
COMMENT ON TABLE cryoasync.chembl_molecules IS 'What ChEMBL said, and nothing else: each row is one answer of one release. NULL is what it left out.';
COMMENT ON COLUMN cryoasync.chembl_molecules.synonyms IS 'Distinct and sorted, for ChEMBL gives them in no lasting order. NULL: it said nothing of them.';
COMMENT ON COLUMN cryoasync.chembl_molecules.extra IS 'All further keys of the answer under ChEMBL''s own names, nested as there; the molfile ends at its M  END.';
COMMENT ON COLUMN cryoasync.chembl_molecules.chembl_release IS 'The release that answered, such as ChEMBL_37.';
