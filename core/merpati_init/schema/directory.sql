-- Who there is. Written by services/auth alone; read by everyone who needs it.
CREATE SCHEMA directory;

-- A domain whose mail ends here.
CREATE TABLE directory.domains (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL UNIQUE CHECK (name = lower(name)),  -- A-labels (RFC 5890)
    contact    text,                                             -- where postmaster@ and abuse@ go, if set
    enabled    boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- The keys a domain's mail is signed with (DKIM, RFC 6376): an RSA and an Ed25519 one each. services/auth
-- makes them and publishes `record`; only outbound, which signs, reads the private half.
CREATE TABLE directory.dkim_keys (
    domain_id   bigint NOT NULL REFERENCES directory.domains ON DELETE CASCADE,
    selector    text NOT NULL CHECK (selector ~ '^[a-z0-9]{1,63}$'),
    algorithm   text NOT NULL CHECK (algorithm IN ('rsa-sha256', 'ed25519-sha256')),
    private_key text NOT NULL,                                   -- PEM (PKCS #8)
    record      text NOT NULL,                                   -- the text of SELECTOR._domainkey.DOMAIN
    active      boolean NOT NULL DEFAULT true,                   -- signs; an old key stays published for mail on its way
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (domain_id, selector)
);

-- A person or device that can log in. The id is immutable, never reused, and names the folder on disk;
-- a deleted account keeps its row (deleted_at) until its mail is purged, so that a new account of the
-- same address never meets the old one's mail.
CREATE TABLE directory.accounts (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    domain_id       bigint REFERENCES directory.domains,         -- NULL: an administrator of no domain
    address         text NOT NULL CHECK (address = lower(address)), -- the login name
    display_name    text NOT NULL DEFAULT '',
    role            text NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'postmaster')),
    has_mailbox     boolean NOT NULL DEFAULT true,
    quota           bigint CHECK (quota >= 0),                   -- bytes; NULL: mailbox_size_limit; 0: unlimited
    login_enabled   boolean NOT NULL DEFAULT true,
    receive_enabled boolean NOT NULL DEFAULT true,               -- a switch of its own: disabling a login keeps mail coming
    language        text NOT NULL DEFAULT 'en',
    auth_version    bigint NOT NULL DEFAULT 1,                   -- rises when a credential or switch changes: sessions and caches of older ones end
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz
);
CREATE INDEX ON directory.accounts (domain_id);
CREATE UNIQUE INDEX accounts_address ON directory.accounts (address) WHERE deleted_at IS NULL;

-- An address in a domain: an account's own (one is its login name, others are further names it may
-- send as), or an alias with targets.
CREATE TABLE directory.addresses (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    domain_id  bigint NOT NULL REFERENCES directory.domains,
    local_part text NOT NULL CHECK (local_part = lower(local_part)),
    kind       text NOT NULL CHECK (kind IN ('account', 'alias')),
    account_id bigint REFERENCES directory.accounts,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (domain_id, local_part),
    CHECK ((kind = 'account') = (account_id IS NOT NULL))
);
CREATE INDEX ON directory.addresses (account_id);

-- Where an alias leads; each target is any address, here or elsewhere, resolved when mail comes.
CREATE TABLE directory.alias_targets (
    address_id bigint NOT NULL REFERENCES directory.addresses ON DELETE CASCADE,
    target     text NOT NULL,
    PRIMARY KEY (address_id, target)
);
CREATE INDEX ON directory.alias_targets (target);

-- What an account may write as the sender: its own addresses; the aliases that name one of them as a
-- target; for a postmaster also postmaster@ and abuse@ where nobody else was named. Runs as the owner,
-- since the browser-facing role sees no aliases, and answers that role only about its own account.
CREATE FUNCTION directory.sender_addresses(account bigint) RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
BEGIN ATOMIC
    WITH own AS (
        SELECT c.address FROM directory.accounts c WHERE c.id = account AND c.deleted_at IS NULL
        UNION
        SELECT a.local_part || '@' || d.name
        FROM directory.addresses a JOIN directory.domains d ON d.id = a.domain_id
        WHERE a.account_id = account
    ), allowed AS (
        SELECT own.address FROM own
        UNION
        SELECT a.local_part || '@' || d.name
        FROM directory.alias_targets t
        JOIN directory.addresses a ON a.id = t.address_id
        JOIN directory.domains d ON d.id = a.domain_id
        WHERE t.target IN (SELECT own.address FROM own)
        UNION
        SELECT contact.name || '@' || d.name
        FROM directory.domains d
        CROSS JOIN (VALUES ('postmaster'), ('abuse')) AS contact(name)
        JOIN directory.accounts c ON c.id = account AND c.role = 'postmaster' AND c.deleted_at IS NULL
        WHERE NOT EXISTS (SELECT FROM directory.addresses a
                          WHERE a.domain_id = d.id AND a.local_part = contact.name)
    )
    SELECT allowed.address FROM allowed
    WHERE session_user <> 'merpati_webmail'
       OR account = nullif(current_setting('merpati.account_id', true), '')::bigint;
END;
