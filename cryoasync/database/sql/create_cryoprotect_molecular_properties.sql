CREATE TABLE {schema}.molecular_properties (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    molecule_id uuid NOT NULL REFERENCES {schema}.molecules (id) ON DELETE CASCADE,
    property_type_id uuid NOT NULL REFERENCES {schema}.property_types (id),
    numeric_value numeric,
    text_value text,
    boolean_value boolean,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    UNIQUE (molecule_id, property_type_id)
);
CREATE INDEX idx_molecular_properties_molecule_id ON {schema}.molecular_properties (molecule_id);
CREATE INDEX idx_molecular_properties_property_type_id
    ON {schema}.molecular_properties (property_type_id);
