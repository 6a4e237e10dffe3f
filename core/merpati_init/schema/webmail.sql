-- services/webmail's own tables.
CREATE SCHEMA webmail;

-- A browser that is logged in. The cookie is never stored, only its digest.
CREATE TABLE webmail.sessions (
    digest       bytea PRIMARY KEY,
    account_id   bigint NOT NULL,
    address      text NOT NULL,
    auth_version bigint NOT NULL,
    csrf         text NOT NULL,
    language     text NOT NULL DEFAULT 'en',
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL
);
CREATE INDEX ON webmail.sessions (expires_at);
