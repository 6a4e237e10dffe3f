-- services/auth's own tables: nobody else reads a hash.
CREATE SCHEMA auth;

-- An account's password.
CREATE TABLE auth.passwords (
    account_id bigint PRIMARY KEY REFERENCES directory.accounts ON DELETE CASCADE,
    hash       text NOT NULL,                -- argon2id, or an older scheme until the next login
    changed_at timestamptz NOT NULL DEFAULT now()
);

-- Generated passwords for single devices, high entropy, a keyed hash each.
CREATE TABLE auth.app_passwords (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES directory.accounts ON DELETE CASCADE,
    name       text NOT NULL,
    digest     bytea NOT NULL,
    scopes     text[] NOT NULL DEFAULT '{imap,pop3,smtp}',
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used  timestamptz,
    UNIQUE (account_id, name)
);
CREATE INDEX ON auth.app_passwords (digest);

-- Bearer tokens of the REST API.
CREATE TABLE auth.tokens (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id   bigint NOT NULL REFERENCES directory.accounts ON DELETE CASCADE,
    digest       bytea NOT NULL UNIQUE,
    auth_version bigint NOT NULL,            -- of the account when it was made
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL
);

-- Every change anyone made, and through what.
CREATE TABLE auth.audit (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT now(),
    actor   text NOT NULL,
    client  text,
    action  text NOT NULL,                   -- account.create, domain.delete, ...
    target  text NOT NULL,
    detail  jsonb NOT NULL DEFAULT '{}'      -- never a secret
);
CREATE INDEX ON auth.audit (target, at);
