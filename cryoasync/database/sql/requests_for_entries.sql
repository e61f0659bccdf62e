-- The requests whose span holds one of the entries at runs $1 and positions $2, which are those of compound $3.
SELECT requests.run_id,
       requests.endpoint,
       requests.sent_at,
       requests.seconds,
       requests.status,
       requests.decision,
       requests.ids,
       requests.ids = upper(requests.positions) - lower(requests.positions)
           OR $3 IN (requests.first_id, requests.last_id) AS certain
FROM unnest($1::bigint[], $2::bigint[]) AS entries (run_id, position)
JOIN cryoasync.requests ON requests.run_id = entries.run_id AND requests.positions @> entries.position
ORDER BY requests.sent_at
