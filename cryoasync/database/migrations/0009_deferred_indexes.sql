CREATE TABLE cryoasync.deferred_indexes (
    name text PRIMARY KEY,
    table_name text NOT NULL,
    definition text NOT NULL,
    deferred_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE cryoasync.deferred_indexes IS 'Indexes that a large first load does without; the run that ends, or else the next one, creates them.';
