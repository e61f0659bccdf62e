-- Enters those of the molecules $1 that are new, and locks the others; in the order of their ids, so that two
-- processes wait for each other one way. Returns those entered.
WITH entered AS (
    INSERT INTO cryoasync.molecules AS stored (id, inchikey, name, smiles, molecular_formula)
    SELECT id, inchikey, name, smiles, molecular_formula
    FROM cryoasync.molecule_values($1::uuid[])
    ORDER BY id
    ON CONFLICT (id) DO UPDATE SET id = stored.id WHERE false
    RETURNING id
),
revived AS (
    DELETE FROM cryoasync.molecule_redirects USING entered WHERE old_id = entered.id
)
SELECT id FROM entered
