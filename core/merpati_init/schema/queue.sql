-- Mail on its way: one row a recipient, each with a hard link of its own.
CREATE SCHEMA queue;

CREATE TABLE queue.messages (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    trace_id       text NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('remote', 'local')), -- local: a delivery put off, done through core/delivery
    account_id     bigint,                   -- who submitted it; NULL: it came from outside, so it never causes a DSN to the outside
    sender         text NOT NULL,            -- '' is the null sender
    recipient      text NOT NULL,
    original_recipient text,                 -- the address before alias expansion, for DSNs
    next_hop       text NOT NULL,            -- the recipient's domain; '' for local
    file           text NOT NULL,            -- the row's own link, below the mail root
    prefix_len     integer NOT NULL,         -- sending starts here
    size           bigint NOT NULL,
    eightbit       boolean NOT NULL,         -- needs 8BITMIME or conversion
    smtputf8       boolean NOT NULL DEFAULT false,
    created_at     timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL,
    next_at        timestamptz NOT NULL DEFAULT now(),
    held           boolean NOT NULL DEFAULT false, -- a postmaster's hold
    attempt        integer NOT NULL DEFAULT 0, -- rises with each claim: only its claimant may complete it
    worker         text,
    lease_until    timestamptz,
    last_status    text,                     -- RFC 3463 code of the last failure
    last_reply     text                      -- the remote's words
);
CREATE INDEX ON queue.messages (next_hop, next_at);
CREATE INDEX ON queue.messages (next_at);
CREATE INDEX ON queue.messages (trace_id);
