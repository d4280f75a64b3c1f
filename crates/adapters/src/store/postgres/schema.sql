-- The one table and its indexes. Texts are ordered by their bytes.

CREATE TABLE pullmill_format (format INTEGER NOT NULL);
INSERT INTO pullmill_format VALUES (2);

CREATE TABLE pullmill_record (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    pk TEXT COLLATE "C" NOT NULL,
    sk TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    epoch BIGINT NOT NULL DEFAULT 0,
    count BIGINT NOT NULL DEFAULT 0,
    queue TEXT COLLATE "C",
    tenant TEXT COLLATE "C",
    due BIGINT,
    held BIGINT,
    first_pk TEXT COLLATE "C",
    first_sk TEXT COLLATE "C",
    second_pk TEXT COLLATE "C",
    second_sk TEXT COLLATE "C",
    expires_at BIGINT,
    body BYTEA NOT NULL,
    PRIMARY KEY (pk, sk)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
-- Bodies come packed.
ALTER TABLE pullmill_record ALTER body SET STORAGE EXTERNAL;
CREATE INDEX pullmill_due ON pullmill_record (queue, tenant, due) WHERE queue IS NOT NULL;
CREATE INDEX pullmill_first ON pullmill_record (first_pk, first_sk) WHERE first_pk IS NOT NULL;
CREATE INDEX pullmill_second ON pullmill_record (second_pk, second_sk) WHERE second_pk IS NOT NULL;
CREATE INDEX pullmill_expiry ON pullmill_record (expires_at) WHERE expires_at IS NOT NULL;
