-- services/webmail's own tables.
CREATE SCHEMA webmail;

-- A browser that is logged in. The cookie is never stored, only its digest.
CREATE TABLE webmail.sessions (
    digest       bytea PRIMARY KEY,
    account_id   bigint NOT NULL,
    auth_version bigint NOT NULL,            -- of the account at login: a newer one ends the session
    csrf         text NOT NULL,              -- the token that every form of this session carries
    created_at   timestamptz NOT NULL DEFAULT now(),
    seen_at      timestamptz NOT NULL DEFAULT now(), -- to the minute; `session_idle` counts from here
    expires_at   timestamptz NOT NULL
);
CREATE INDEX ON webmail.sessions (expires_at);
CREATE INDEX ON webmail.sessions (account_id);
