ALTER TABLE cryoasync.runs ADD COLUMN listing jsonb;
COMMENT ON COLUMN cryoasync.runs.listing IS 'Of a run over a list of the source''s: its release and length when the places in it were made entries.';
