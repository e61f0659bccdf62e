-- One row a value, with its unit, its method and where both are defined.

CREATE TABLE cryoasync.property_definitions (
    source text NOT NULL,
    property text NOT NULL,
    column_name text NOT NULL,
    unit text,
    method text NOT NULL,
    reference text NOT NULL,
    PRIMARY KEY (source, property)
);
COMMENT ON TABLE cryoasync.property_definitions IS 'What each value of molecular_properties is, by whose definition.';

INSERT INTO cryoasync.property_definitions (source, property, column_name, unit, method, reference) VALUES
('pubchem', 'iupac_name', 'iupac_name', NULL, 'OpenEye Lexichem, as PubChem computes it', 'https://pubchem.ncbi.nlm.nih.gov/docs/glossary'),
('pubchem', 'molecular_formula', 'molecular_formula', NULL, 'Hill notation with the charge, PubChem', 'https://pubchem.ncbi.nlm.nih.gov/docs/glossary'),
('pubchem', 'smiles', 'smiles', NULL, 'OpenEye OEChem, as PubChem computes it', 'https://pubchem.ncbi.nlm.nih.gov/docs/glossary'),
('pubchem', 'connectivity_smiles', 'connectivity_smiles', NULL, 'OpenEye OEChem, as PubChem computes it', 'https://pubchem.ncbi.nlm.nih.gov/docs/glossary'),
('pubchem', 'inchi', 'inchi', NULL, 'standard InChI, PubChem', 'https://doi.org/10.1186/s13321-015-0068-4'),
('pubchem', 'inchikey', 'inchikey', NULL, 'standard InChIKey, PubChem', 'https://doi.org/10.1186/s13321-015-0068-4'),
('pubchem', 'molecular_weight', 'molecular_weight', 'g/mol', 'sum of standard atomic weights, PubChem', 'https://pubchem.ncbi.nlm.nih.gov/docs/glossary'),
('pubchem', 'exact_mass', 'exact_mass', 'Da', 'mass of the most intense isotopic composition, PubChem', 'https://pubchem.ncbi.nlm.nih.gov/docs/glossary'),
('pubchem', 'monoisotopic_mass', 'monoisotopic_mass', 'Da', 'mass of the most common isotope of each element, PubChem', 'https://pubchem.ncbi.nlm.nih.gov/docs/glossary'),
('pubchem', 'xlogp3', 'xlogp', NULL, 'XLogP3', 'https://doi.org/10.1021/ci700257y'),
('pubchem', 'tpsa', 'tpsa', 'Å²', 'Cactvs, after Ertl, with sulfur and phosphorus', 'https://doi.org/10.1021/jm000942e'),
('pubchem', 'complexity', 'complexity', NULL, 'Cactvs, after Bertz, Hendrickson and Ihlenfeldt', 'https://doi.org/10.1021/ja00402a071'),
('pubchem', 'charge', 'charge', 'e', 'PubChem', 'https://pubchem.ncbi.nlm.nih.gov/docs/glossary'),
('pubchem', 'h_bond_donor_count', 'h_bond_donor_count', NULL, 'Cactvs', 'https://pubchem.ncbi.nlm.nih.gov/docs/glossary'),
('pubchem', 'h_bond_acceptor_count', 'h_bond_acceptor_count', NULL, 'Cactvs', 'https://pubchem.ncbi.nlm.nih.gov/docs/glossary'),
('pubchem', 'rotatable_bond_count', 'rotatable_bond_count', NULL, 'Cactvs', 'https://pubchem.ncbi.nlm.nih.gov/docs/glossary'),
('pubchem', 'heavy_atom_count', 'heavy_atom_count', NULL, 'PubChem', 'https://pubchem.ncbi.nlm.nih.gov/docs/glossary'),
('pubchem', 'isotope_atom_count', 'isotope_atom_count', NULL, 'PubChem', 'https://pubchem.ncbi.nlm.nih.gov/docs/glossary'),
('pubchem', 'atom_stereo_count', 'atom_stereo_count', NULL, 'PubChem', 'https://pubchem.ncbi.nlm.nih.gov/docs/glossary'),
('pubchem', 'defined_atom_stereo_count', 'defined_atom_stereo_count', NULL, 'PubChem', 'https://pubchem.ncbi.nlm.nih.gov/docs/glossary'),
('pubchem', 'undefined_atom_stereo_count', 'undefined_atom_stereo_count', NULL, 'PubChem', 'https://pubchem.ncbi.nlm.nih.gov/docs/glossary'),
('pubchem', 'bond_stereo_count', 'bond_stereo_count', NULL, 'PubChem', 'https://pubchem.ncbi.nlm.nih.gov/docs/glossary'),
('pubchem', 'defined_bond_stereo_count', 'defined_bond_stereo_count', NULL, 'PubChem', 'https://pubchem.ncbi.nlm.nih.gov/docs/glossary'),
('pubchem', 'undefined_bond_stereo_count', 'undefined_bond_stereo_count', NULL, 'PubChem', 'https://pubchem.ncbi.nlm.nih.gov/docs/glossary'),
('pubchem', 'covalent_unit_count', 'covalent_unit_count', NULL, 'PubChem', 'https://pubchem.ncbi.nlm.nih.gov/docs/glossary'),
('chembl', 'molecular_formula', 'full_molformula', NULL, 'RDKit, as ChEMBL computes it', 'https://chembl.gitbook.io/chembl-interface-documentation'),
('chembl', 'smiles', 'canonical_smiles', NULL, 'RDKit, as ChEMBL computes it', 'https://chembl.gitbook.io/chembl-interface-documentation'),
('chembl', 'inchi', 'standard_inchi', NULL, 'standard InChI, ChEMBL', 'https://doi.org/10.1186/s13321-015-0068-4'),
('chembl', 'inchikey', 'standard_inchi_key', NULL, 'standard InChIKey, ChEMBL', 'https://doi.org/10.1186/s13321-015-0068-4'),
('chembl', 'molecular_weight', 'full_mwt', 'g/mol', 'RDKit, as ChEMBL computes it', 'https://chembl.gitbook.io/chembl-interface-documentation'),
('chembl', 'parent_molecular_weight', 'mw_freebase', 'g/mol', 'RDKit, as ChEMBL computes it, of the parent without its salt', 'https://chembl.gitbook.io/chembl-interface-documentation'),
('chembl', 'monoisotopic_mass', 'mw_monoisotopic', 'Da', 'RDKit, as ChEMBL computes it', 'https://chembl.gitbook.io/chembl-interface-documentation'),
('chembl', 'alogp', 'alogp', NULL, 'ALogP as ChEMBL computes it, with RDKit after Wildman and Crippen', 'https://doi.org/10.1021/ci990307l'),
('chembl', 'cx_logp', 'cx_logp', NULL, 'ChemAxon', 'https://chembl.gitbook.io/chembl-interface-documentation'),
('chembl', 'cx_logd', 'cx_logd', NULL, 'ChemAxon, at pH 7.4', 'https://chembl.gitbook.io/chembl-interface-documentation'),
('chembl', 'cx_most_acidic_pka', 'cx_most_apka', NULL, 'ChemAxon', 'https://chembl.gitbook.io/chembl-interface-documentation'),
('chembl', 'cx_most_basic_pka', 'cx_most_bpka', NULL, 'ChemAxon', 'https://chembl.gitbook.io/chembl-interface-documentation'),
('chembl', 'tpsa', 'psa', 'Å²', 'RDKit after Ertl, as ChEMBL computes it', 'https://doi.org/10.1021/jm000942e'),
('chembl', 'qed', 'qed_weighted', NULL, 'weighted QED after Bickerton, as ChEMBL computes it', 'https://doi.org/10.1038/nchem.1243'),
('chembl', 'np_likeness_score', 'np_likeness_score', NULL, 'after Ertl, as ChEMBL computes it', 'https://doi.org/10.1021/ci700286x'),
('chembl', 'h_bond_acceptor_count', 'hba', NULL, 'RDKit, as ChEMBL computes it', 'https://chembl.gitbook.io/chembl-interface-documentation'),
('chembl', 'h_bond_donor_count', 'hbd', NULL, 'RDKit, as ChEMBL computes it', 'https://chembl.gitbook.io/chembl-interface-documentation'),
('chembl', 'lipinski_h_bond_acceptor_count', 'hba_lipinski', NULL, 'nitrogen and oxygen, after Lipinski', 'https://doi.org/10.1016/S0169-409X(96)00423-1'),
('chembl', 'lipinski_h_bond_donor_count', 'hbd_lipinski', NULL, 'NH and OH, after Lipinski', 'https://doi.org/10.1016/S0169-409X(96)00423-1'),
('chembl', 'rotatable_bond_count', 'rtb', NULL, 'RDKit, as ChEMBL computes it', 'https://chembl.gitbook.io/chembl-interface-documentation'),
('chembl', 'heavy_atom_count', 'heavy_atoms', NULL, 'RDKit, as ChEMBL computes it', 'https://chembl.gitbook.io/chembl-interface-documentation'),
('chembl', 'aromatic_ring_count', 'aromatic_rings', NULL, 'RDKit, as ChEMBL computes it', 'https://chembl.gitbook.io/chembl-interface-documentation'),
('chembl', 'ro5_violation_count', 'num_ro5_violations', NULL, 'rule of five with hba and hbd, ChEMBL', 'https://doi.org/10.1016/S0169-409X(96)00423-1'),
('chembl', 'lipinski_ro5_violation_count', 'num_lipinski_ro5_violations', NULL, 'rule of five with Lipinski''s counts, ChEMBL', 'https://doi.org/10.1016/S0169-409X(96)00423-1'),
('chembl', 'ro3_pass', 'ro3_pass', NULL, 'rule of three, ChEMBL', 'https://doi.org/10.1016/S1359-6446(03)02831-9'),
('chembl', 'molecular_species', 'molecular_species', NULL, 'ChemAxon''s pKa at pH 7.4, ChEMBL', 'https://chembl.gitbook.io/chembl-interface-documentation'),
('chembl', 'molecule_type', 'molecule_type', NULL, 'ChEMBL', 'https://chembl.gitbook.io/chembl-interface-documentation'),
('chembl', 'max_phase', 'max_phase', NULL, 'highest clinical phase, ChEMBL', 'https://chembl.gitbook.io/chembl-interface-documentation'),
('chembl', 'first_approval', 'first_approval', 'year', 'ChEMBL', 'https://chembl.gitbook.io/chembl-interface-documentation'),
('rdkit', 'molecular_formula', 'molecular_formula', NULL, 'CalcMolFormula', 'https://www.rdkit.org/docs'),
('rdkit', 'smiles', 'canonical_smiles', NULL, 'MolToSmiles', 'https://www.rdkit.org/docs'),
('rdkit', 'inchi', 'inchi', NULL, 'standard InChI', 'https://doi.org/10.1186/s13321-015-0068-4'),
('rdkit', 'inchikey', 'inchikey', NULL, 'standard InChIKey', 'https://doi.org/10.1186/s13321-015-0068-4'),
('rdkit', 'molecular_weight', 'molecular_weight', 'g/mol', 'MolWt', 'https://www.rdkit.org/docs'),
('rdkit', 'monoisotopic_mass', 'exact_mass', 'Da', 'ExactMolWt', 'https://www.rdkit.org/docs'),
('rdkit', 'crippen_logp', 'crippen_logp', NULL, 'Wildman and Crippen', 'https://doi.org/10.1021/ci990307l'),
('rdkit', 'molar_refractivity', 'molar_refractivity', 'cm³/mol', 'Wildman and Crippen', 'https://doi.org/10.1021/ci990307l'),
('rdkit', 'tpsa', 'tpsa', 'Å²', 'Ertl, nitrogen and oxygen alone', 'https://doi.org/10.1021/jm000942e'),
('rdkit', 'h_bond_donor_count', 'h_bond_donors', NULL, 'NumHBD', 'https://www.rdkit.org/docs'),
('rdkit', 'h_bond_acceptor_count', 'h_bond_acceptors', NULL, 'NumHBA', 'https://www.rdkit.org/docs'),
('rdkit', 'rotatable_bond_count', 'rotatable_bonds', NULL, 'strict definition', 'https://www.rdkit.org/docs'),
('rdkit', 'ring_count', 'rings', NULL, 'smallest set of smallest rings', 'https://www.rdkit.org/docs'),
('rdkit', 'aromatic_ring_count', 'aromatic_rings', NULL, 'CalcNumAromaticRings', 'https://www.rdkit.org/docs'),
('rdkit', 'fraction_csp3', 'fraction_csp3', NULL, 'CalcFractionCSP3', 'https://doi.org/10.1021/jm901241e'),
('rdkit', 'heavy_atom_count', 'heavy_atoms', NULL, 'CalcNumHeavyAtoms', 'https://www.rdkit.org/docs'),
('rdkit', 'charge', 'formal_charge', 'e', 'GetFormalCharge', 'https://www.rdkit.org/docs'),
('rdkit', 'qed', 'qed', NULL, 'weighted QED after Bickerton', 'https://doi.org/10.1038/nchem.1243');

-- The view is made of the definitions, so that no value can be without one. A float goes through its shortest text,
-- for the cast to numeric keeps 15 digits only.
CREATE FUNCTION cryoasync.property_values(of_source text, of_table text) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT string_agg(
        format(
            CASE t.data_type
                WHEN 'text' THEN '(%1$L, NULL::numeric, c.%2$I, %3$L, %4$L)'
                WHEN 'double precision' THEN '(%1$L, c.%2$I::text::numeric, NULL::text, %3$L, %4$L)'
                ELSE '(%1$L, c.%2$I::numeric, NULL::text, %3$L, %4$L)'
            END,
            d.property, d.column_name, d.unit, d.method
        ),
        ', ' ORDER BY d.property
    )
    FROM cryoasync.property_definitions AS d
    JOIN information_schema.columns AS t
        ON t.table_schema = 'cryoasync' AND t.table_name = of_table AND t.column_name = d.column_name
    WHERE d.source = of_source;
END;

DO $$
BEGIN
    EXECUTE format(
        $view$
        CREATE VIEW cryoasync.molecular_properties AS
        SELECT s.molecule_id, v.property, v.value_numeric, v.value_text, v.unit, 'pubchem'::text AS source, v.method,
               s.source_id, c.fetched_at
        FROM cryoasync.molecule_sources AS s
        JOIN cryoasync.pubchem_compounds AS c
            ON c.cid = CASE WHEN s.source = 'pubchem' THEN s.source_id::bigint END
        CROSS JOIN LATERAL (VALUES %1$s) AS v (property, value_numeric, value_text, unit, method)
        WHERE s.source = 'pubchem' AND (v.value_numeric IS NOT NULL OR v.value_text IS NOT NULL)
        UNION ALL
        SELECT s.molecule_id, v.property, v.value_numeric, v.value_text, v.unit, 'chembl', v.method,
               s.source_id, c.fetched_at
        FROM cryoasync.molecule_sources AS s
        JOIN cryoasync.chembl_molecules AS c ON c.chembl_id = s.source_id
        CROSS JOIN LATERAL (VALUES %2$s) AS v (property, value_numeric, value_text, unit, method)
        WHERE s.source = 'chembl' AND (v.value_numeric IS NOT NULL OR v.value_text IS NOT NULL)
        UNION ALL
        SELECT s.molecule_id, v.property, v.value_numeric, v.value_text, v.unit, 'rdkit',
               v.method || ' (RDKit ' || c.rdkit_version || ')', s.source_id, c.computed_at
        FROM cryoasync.molecule_sources AS s
        JOIN cryoasync.rdkit_descriptors AS c ON c.source = s.source AND c.source_id = s.source_id
        CROSS JOIN LATERAL (VALUES %3$s) AS v (property, value_numeric, value_text, unit, method)
        WHERE v.value_numeric IS NOT NULL OR v.value_text IS NOT NULL
        $view$,
        cryoasync.property_values('pubchem', 'pubchem_compounds'),
        cryoasync.property_values('chembl', 'chembl_molecules'),
        cryoasync.property_values('rdkit', 'rdkit_descriptors')
    );
END
$$;
DROP FUNCTION cryoasync.property_values;
COMMENT ON VIEW cryoasync.molecular_properties IS 'Each value of each molecule, with who said or computed it, how and when.';
