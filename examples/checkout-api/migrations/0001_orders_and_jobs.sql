-- Written to run unchanged on SQLite and on Postgres. Times are milliseconds since 1970, UTC.

CREATE TABLE orders (
    id        TEXT   PRIMARY KEY,
    customer  TEXT   NOT NULL,
    item      TEXT   NOT NULL,
    quantity  BIGINT NOT NULL,
    cents     BIGINT NOT NULL,
    placed_at BIGINT NOT NULL
);

CREATE INDEX orders_by_time ON orders (placed_at);

-- One e-mail to send. A worker that claims a job moves `claimable_at` ahead by its lease: if the worker
-- dies, the job becomes claimable again by itself.
CREATE TABLE jobs (
    id           TEXT   PRIMARY KEY,
    order_id     TEXT   NOT NULL REFERENCES orders (id),
    claimable_at BIGINT NOT NULL,
    claimed_by   TEXT,
    attempts     BIGINT NOT NULL DEFAULT 0,
    done_at      BIGINT
);

CREATE INDEX jobs_to_do ON jobs (claimable_at) WHERE done_at IS NULL;

CREATE TABLE daily_reports (
    day    BIGINT PRIMARY KEY,
    orders BIGINT NOT NULL,
    cents  BIGINT NOT NULL
);
