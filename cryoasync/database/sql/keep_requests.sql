-- Keeps requests of run $1; one that is there already is known by its time and its first id.
INSERT INTO cryoasync.requests
    (run_id, endpoint, positions, first_id, last_id, ids, sent_at, seconds, status, decision)
SELECT $1, endpoint, int8range(start, stop), first_id, last_id, ids, sent_at, seconds, status, decision
FROM unnest(
    $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::integer[], $8::timestamptz[],
    $9::double precision[], $10::integer[], $11::text[]
) AS new (endpoint, start, stop, first_id, last_id, ids, sent_at, seconds, status, decision)
WHERE NOT EXISTS (
    SELECT
    FROM cryoasync.requests AS stored
    WHERE stored.run_id = $1
        AND stored.sent_at = new.sent_at
        AND stored.endpoint = new.endpoint
        AND stored.first_id = new.first_id
)
