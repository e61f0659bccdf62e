-- Brings those of the molecules $1 up to date that do not say what they must.
WITH new AS MATERIALIZED (
    SELECT * FROM cryoasync.molecule_values($1::uuid[])
)
UPDATE cryoasync.molecules AS stored
SET inchikey = new.inchikey, name = new.name, smiles = new.smiles, molecular_formula = new.molecular_formula
FROM new
WHERE new.id = stored.id
    AND (stored.inchikey, stored.name, stored.smiles, stored.molecular_formula)
        IS DISTINCT FROM (new.inchikey, new.name, new.smiles, new.molecular_formula)
