-- The mail itself. account_id stands first in every key and no row is shared between accounts, so
-- these tables can be partitioned by account.
CREATE SCHEMA mail;

-- The one counter of an account: MODSEQs come from here, quota is counted here, and its row lock is
-- the account's lock. Lock order everywhere: accounts by id, then mailboxes by id.
CREATE TABLE mail.accounts (
    account_id  bigint PRIMARY KEY REFERENCES directory.accounts,
    modseq      bigint NOT NULL DEFAULT 1,
    uidvalidity bigint NOT NULL DEFAULT extract(epoch FROM now()), -- the last one given: a name made again gets a higher
    used        bigint NOT NULL DEFAULT 0,    -- bytes, each copy counted
    messages    bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- A folder. Its counts are kept under the account's lock, so that SELECT and STATUS never count.
CREATE TABLE mail.mailboxes (
    account_id  bigint NOT NULL REFERENCES mail.accounts,
    id          bigint GENERATED ALWAYS AS IDENTITY,
    name        text NOT NULL,                -- NFC, separator '/', INBOX in capitals
    dir         text NOT NULL,                -- Maildir++ folder below the account's Maildir; '' is INBOX
    special_use text,                         -- RFC 6154, with the backslash: \Sent ...
    subscribed  boolean NOT NULL DEFAULT true,
    uidvalidity bigint NOT NULL,
    uidnext     bigint NOT NULL DEFAULT 1,
    modseq      bigint NOT NULL DEFAULT 1,    -- HIGHESTMODSEQ (RFC 7162)
    floor       bigint NOT NULL DEFAULT 1,    -- the change log is complete for MODSEQs above this
    exists      bigint NOT NULL DEFAULT 0,
    unseen      bigint NOT NULL DEFAULT 0,
    deleted     bigint NOT NULL DEFAULT 0,    -- messages with \Deleted
    size        bigint NOT NULL DEFAULT 0,
    recent_uid  bigint NOT NULL DEFAULT 0,    -- messages above this UID are \Recent for the next session that SELECTs
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, name),
    UNIQUE (account_id, dir)
) WITH (fillfactor = 50);

-- A message, once for each account that has it, with everything clients list ready to send.
CREATE TABLE mail.emails (
    account_id      bigint NOT NULL REFERENCES mail.accounts,
    id              bigint GENERATED ALWAYS AS IDENTITY, -- EMAILID (RFC 8474)
    trace_id        text NOT NULL,              -- from acceptance, or the spool id of an APPEND
    thread_id       bigint NOT NULL,
    size            bigint NOT NULL,            -- RFC822.SIZE, of the plain message
    file_size       bigint NOT NULL,
    codec           smallint NOT NULL DEFAULT 0,-- of the file: 0 plain, 1 zstd, 2 encrypted
    prefix_len      integer NOT NULL DEFAULT 0, -- where our Return-Path and Delivered-To end
    received_at     timestamptz NOT NULL,       -- INTERNALDATE ...
    received_offset smallint NOT NULL,          -- ... and its zone, minutes east
    sent_at         timestamptz,                -- Date header in UTC, for sorting
    sender          text,                       -- envelope sender of a delivery; '' is the null sender
    recipient       text,                       -- envelope recipient of a delivery
    message_id      text,
    reference_ids   text[] NOT NULL DEFAULT '{}', -- In-Reply-To and References, for threads
    subject         text NOT NULL DEFAULT '',   -- decoded
    from_text       text NOT NULL DEFAULT '',   -- decoded "Name <address>"
    to_text         text NOT NULL DEFAULT '',
    preview         text NOT NULL DEFAULT '',
    has_attachment  boolean NOT NULL DEFAULT false,
    envelope        bytea NOT NULL,             -- IMAP ENVELOPE, ready to send
    body            bytea NOT NULL,             -- IMAP BODY, ready to send
    bodystructure   bytea NOT NULL,             -- IMAP BODYSTRUCTURE, ready to send
    headers         bytea NOT NULL,             -- the header fields that clients list (message.LISTED), as in the file
    text_state      smallint NOT NULL DEFAULT 0,-- search text: 0 not yet, 1 done, 2 failed
    PRIMARY KEY (account_id, id)
);
-- Only the primary keys begin with account_id: while the tables are small every index costs the same, and a
-- plan made then (of a foreign key's check, for instance) must not settle on one that gives the whole account.
CREATE INDEX emails_message_id ON mail.emails (hashtextextended(message_id, account_id));

-- A message in a folder; narrow and hot. COPY and MOVE touch only this. Nothing that changes is
-- indexed, so that updates stay in their page (HOT).
CREATE TABLE mail.mailbox_messages (
    account_id bigint NOT NULL,
    mailbox_id bigint NOT NULL,
    uid        bigint NOT NULL,
    email_id   bigint NOT NULL,
    modseq     bigint NOT NULL,
    save_date  timestamptz NOT NULL DEFAULT now(),
    flags      smallint NOT NULL,             -- store.Flag
    mirrored   smallint NOT NULL,             -- the flags in the file's name now
    base       text NOT NULL,                 -- the file's name up to ':2,': its identity
    keywords   text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (account_id, mailbox_id, uid),
    FOREIGN KEY (account_id, mailbox_id) REFERENCES mail.mailboxes,
    FOREIGN KEY (account_id, email_id) REFERENCES mail.emails
) WITH (fillfactor = 45);
CREATE INDEX ON mail.mailbox_messages (email_id);

-- What changed, one row a command (not a message): what IDLE, QRESYNC and the live pages read.
-- Kept for `change_log_retention`; mailboxes.floor tells how far back it goes.
CREATE TABLE mail.changes (
    account_id bigint NOT NULL,
    mailbox_id bigint NOT NULL,
    modseq     bigint NOT NULL,
    kind       smallint NOT NULL,             -- 0 added, 1 flags, 2 expunged
    uids       text NOT NULL,                 -- an IMAP sequence-set of UIDs, ready for VANISHED
    at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, mailbox_id, modseq, kind)
);
CREATE INDEX ON mail.changes USING brin (at);

-- The only paths that are ever removed, each by the transaction that expunged it, after a grace.
-- Undelete, and FETCH of a message expunged by another session, read it.
CREATE TABLE mail.unlink_log (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  bigint NOT NULL,
    mailbox_id  bigint NOT NULL,
    uid         bigint NOT NULL,
    email_id    bigint NOT NULL,
    dir         text NOT NULL,                -- the folder it was in
    base        text NOT NULL,
    flags       smallint NOT NULL,
    mirrored    smallint NOT NULL,
    retired     boolean NOT NULL DEFAULT false, -- the worker has moved the file out of the folder
    file_dir    text NOT NULL GENERATED ALWAYS AS (CASE WHEN retired THEN 'expunged' ELSE dir END) STORED,
    expunged_at timestamptz NOT NULL DEFAULT now(),
    due         timestamptz NOT NULL,
    UNIQUE (account_id, mailbox_id, uid)
);
CREATE INDEX ON mail.unlink_log (due);
CREATE INDEX ON mail.unlink_log (id) WHERE NOT retired;
CREATE INDEX ON mail.unlink_log (email_id);

-- Folders whose rows have a new name and whose directories on disk have not, yet. Written with the rows,
-- removed once the directory was moved; what a crash leaves is finished by the worker.
CREATE TABLE mail.renames (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL,
    mailbox_id bigint NOT NULL,
    old_dir    text NOT NULL,
    new_dir    text NOT NULL
);
CREATE INDEX ON mail.renames (account_id);
