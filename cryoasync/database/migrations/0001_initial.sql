-- The tables that users and other programs read, and those that make a run resumable.

CREATE TABLE cryoasync.origin (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    kind text NOT NULL CHECK (kind IN ('real', 'simulated')),
    decided_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE cryoasync.origin IS 'Whether the compounds here are real or simulated; the two never share a database.';

CREATE TABLE cryoasync.pubchem_compounds (
    cid bigint PRIMARY KEY,
    title text,
    iupac_name text,
    molecular_formula text,
    smiles text,
    connectivity_smiles text,
    inchi text,
    inchikey text,
    molecular_weight numeric,
    exact_mass numeric,
    monoisotopic_mass numeric,
    xlogp double precision,
    tpsa double precision,
    complexity double precision,
    charge integer,
    h_bond_donor_count integer,
    h_bond_acceptor_count integer,
    rotatable_bond_count integer,
    heavy_atom_count integer,
    isotope_atom_count integer,
    atom_stereo_count integer,
    defined_atom_stereo_count integer,
    undefined_atom_stereo_count integer,
    bond_stereo_count integer,
    defined_bond_stereo_count integer,
    undefined_bond_stereo_count integer,
    covalent_unit_count integer,
    synonyms text[],
    extra jsonb,
    fetched_at timestamptz NOT NULL,
    run_id bigint NOT NULL
);
COMMENT ON TABLE cryoasync.pubchem_compounds IS 'What PubChem said, and nothing else. NULL is what PubChem left out, or was not asked for.';
COMMENT ON COLUMN cryoasync.pubchem_compounds.synonyms IS 'NULL: not asked for. An empty array: asked for, and PubChem has none.';

CREATE TABLE cryoasync.rdkit_descriptors (
    source text NOT NULL,
    source_id text COLLATE "C" NOT NULL,
    canonical_smiles text,
    inchi text,
    inchikey text,
    molecular_formula text,
    molecular_weight double precision,
    exact_mass double precision,
    crippen_logp double precision,
    molar_refractivity double precision,
    tpsa double precision,
    h_bond_donors integer,
    h_bond_acceptors integer,
    rotatable_bonds integer,
    rings integer,
    aromatic_rings integer,
    fraction_csp3 double precision,
    heavy_atoms integer,
    formal_charge integer,
    qed double precision,
    rdkit_version text NOT NULL,
    computed_at timestamptz NOT NULL,
    PRIMARY KEY (source, source_id)
);
COMMENT ON TABLE cryoasync.rdkit_descriptors IS 'Computed here with RDKit, never mixed with what a source said.';

CREATE TABLE cryoasync.file_records (
    file text NOT NULL,
    record bigint NOT NULL,
    source_id text,
    smiles text,
    molfile text,
    fields jsonb,
    run_id bigint NOT NULL,
    PRIMARY KEY (file, record)
);
COMMENT ON TABLE cryoasync.file_records IS 'What a user''s own file said.';

CREATE TABLE cryoasync.runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text,
    source text NOT NULL,
    base_url text NOT NULL,
    run_key text NOT NULL,
    input_digest text NOT NULL,
    settings jsonb NOT NULL,
    status text NOT NULL CHECK (status IN ('running', 'stopped', 'paused', 'finished')),
    requested bigint NOT NULL,
    imported bigint NOT NULL,
    not_found bigint NOT NULL,
    invalid bigint NOT NULL,
    failed bigint NOT NULL,
    pending bigint NOT NULL,
    duplicates bigint NOT NULL,
    epoch bigint NOT NULL DEFAULT 1,
    owner jsonb,
    heartbeat_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    live jsonb,
    CONSTRAINT every_entry_accounted_for CHECK (
        requested = imported + not_found + invalid + failed + pending
        AND least(imported, not_found, invalid, failed, pending) >= 0
    )
);
CREATE INDEX runs_by_key ON cryoasync.runs (run_key, id);
COMMENT ON COLUMN cryoasync.runs.epoch IS 'Raised at each start; a commit with an older epoch is refused.';
COMMENT ON COLUMN cryoasync.runs.live IS 'What the process at work last said of itself.';

CREATE TABLE cryoasync.run_inputs (
    run_id bigint NOT NULL REFERENCES cryoasync.runs ON DELETE CASCADE,
    position bigint NOT NULL,
    source_id text COLLATE "C" NOT NULL,
    line bigint,
    state text CHECK (state IN ('invalid', 'imported')),
    reason text,
    PRIMARY KEY (run_id, position)
);
COMMENT ON TABLE cryoasync.run_inputs IS 'The distinct entries of a run''s input as they were spooled; state is set where no work was needed.';

CREATE TABLE cryoasync.run_blocks (
    run_id bigint NOT NULL REFERENCES cryoasync.runs ON DELETE CASCADE,
    block bigint NOT NULL,
    done int8multirange NOT NULL DEFAULT '{}',
    PRIMARY KEY (run_id, block)
) WITH (fillfactor = 70);
COMMENT ON TABLE cryoasync.run_blocks IS 'The checkpoint: which positions are settled, a million to a block.';

CREATE TABLE cryoasync.run_outcomes (
    run_id bigint NOT NULL REFERENCES cryoasync.runs ON DELETE CASCADE,
    position bigint NOT NULL,
    source_id text COLLATE "C" NOT NULL,
    state text NOT NULL CHECK (state IN ('not_found', 'invalid', 'failed')),
    reason text,
    epoch bigint NOT NULL,
    PRIMARY KEY (run_id, position)
);
COMMENT ON TABLE cryoasync.run_outcomes IS 'The settled entries that were not imported.';
COMMENT ON COLUMN cryoasync.run_outcomes.epoch IS 'The start that settled the entry, so that a start retries only what failed before it.';

CREATE VIEW cryoasync.run_entries AS
SELECT i.run_id,
       i.position,
       i.source_id,
       i.line,
       CASE
           WHEN o.state IS NOT NULL THEN o.state
           WHEN i.state IS NOT NULL THEN i.state
           WHEN b.done @> i.position THEN 'imported'
           ELSE 'pending'
       END AS state,
       coalesce(o.reason, i.reason) AS reason
FROM cryoasync.run_inputs i
LEFT JOIN cryoasync.run_blocks b ON b.run_id = i.run_id AND b.block = i.position / 1000000
LEFT JOIN cryoasync.run_outcomes o ON o.run_id = i.run_id AND o.position = i.position;
COMMENT ON VIEW cryoasync.run_entries IS 'Every entry of every run, with its state.';

CREATE TABLE cryoasync.failures (
    run_id bigint NOT NULL REFERENCES cryoasync.runs ON DELETE CASCADE,
    source text NOT NULL,
    source_id text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    message text NOT NULL,
    attempts integer NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL,
    resolved_at timestamptz,
    PRIMARY KEY (run_id, source, source_id, kind)
);
CREATE INDEX failures_by_source_id ON cryoasync.failures (source, source_id);

CREATE TABLE cryoasync.requests (
    run_id bigint NOT NULL REFERENCES cryoasync.runs ON DELETE CASCADE,
    endpoint text NOT NULL,
    positions int8range NOT NULL,
    first_id text NOT NULL,
    last_id text NOT NULL,
    ids integer NOT NULL,
    sent_at timestamptz NOT NULL,
    seconds double precision NOT NULL,
    status integer,
    decision text NOT NULL
);
CREATE INDEX requests_by_run ON cryoasync.requests (run_id, sent_at);
CREATE INDEX requests_by_time ON cryoasync.requests USING brin (sent_at);
COMMENT ON TABLE cryoasync.requests IS 'One row a request, kept for a bounded time.';

CREATE TABLE cryoasync.rate_budgets (
    host text PRIMARY KEY,
    log bytea NOT NULL,
    updated_at timestamptz NOT NULL
);
COMMENT ON TABLE cryoasync.rate_budgets IS 'The permits of the last minute by host, so that every process on one address shares one policy.';
