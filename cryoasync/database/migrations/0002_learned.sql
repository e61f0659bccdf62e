CREATE TABLE cryoasync.learned (
    host text NOT NULL,
    subject text NOT NULL,
    state jsonb NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (host, subject)
);
COMMENT ON TABLE cryoasync.learned IS 'What runs have learned of each host, such as its limits by the hour, for those to come.';
