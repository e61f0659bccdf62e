-- $1 sources, $2 properties, $3 property types, $4 ranks of the source in its type, $5 kinds of value
WITH taken AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[], $4::integer[], $5::text[])
        AS taken (source, property, type_id, rank, kind)
),
values AS (
    SELECT DISTINCT ON (p.row_id, taken.type_id)
           p.row_id,
           taken.type_id,
           CASE taken.kind WHEN 'numeric' THEN v.value_numeric END AS numeric_value,
           CASE taken.kind WHEN 'text' THEN v.value_text END AS text_value,
           CASE taken.kind WHEN 'boolean' THEN v.value_text = 'Y' END AS boolean_value,
           v.source
    FROM pg_temp.publishing AS p
    CROSS JOIN LATERAL (
        -- Molecule by molecule, by its index, whatever the planner thinks of the whole view.
        SELECT * FROM cryoasync.molecular_properties WHERE molecule_id = p.molecule_id OFFSET 0
    ) AS v
    JOIN taken ON taken.source = v.source AND taken.property = v.property
    WHERE p.fits
    ORDER BY p.row_id, taken.type_id, taken.rank, length(v.source_id), v.source_id
),
written AS (
    INSERT INTO {properties} AS stored
        (molecule_id, property_type_id, numeric_value, text_value, boolean_value{source_column})
    SELECT values.row_id, values.type_id, values.numeric_value, values.text_value, values.boolean_value{source_value}
    FROM values
    ON CONFLICT (molecule_id, property_type_id) DO UPDATE SET
        numeric_value = excluded.numeric_value,
        text_value = excluded.text_value,
        boolean_value = excluded.boolean_value{source_set}
    WHERE (stored.numeric_value, stored.text_value, stored.boolean_value{source_stored})
        IS DISTINCT FROM (excluded.numeric_value, excluded.text_value, excluded.boolean_value{source_excluded})
    RETURNING xmax = 0 AS is_new
)
SELECT count(*) FILTER (WHERE is_new) AS inserted, count(*) FILTER (WHERE NOT is_new) AS updated FROM written
