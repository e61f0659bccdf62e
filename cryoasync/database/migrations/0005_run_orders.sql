ALTER TABLE cryoasync.runs ADD COLUMN orders jsonb;
COMMENT ON COLUMN cryoasync.runs.orders IS 'What `cryoasync ctl` wants of the process at work; a new start begins without.';
