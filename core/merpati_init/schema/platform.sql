-- What every room shares.
CREATE SCHEMA platform;

-- The work that the worker repeats or does later; one row a job, leased so that several workers may run.
CREATE TABLE platform.jobs (
    name        text PRIMARY KEY,           -- the job's row in merpati_worker's table
    next_at     timestamptz NOT NULL DEFAULT now(),
    lease_until timestamptz,
    worker      text,
    last_ran    timestamptz,
    last_error  text                        -- NULL after a run that went well
);

-- What happened to each message, in order: the answer to "where did my mail go". One message has one
-- trace_id from acceptance on, in every recipient's copy and every queue row; it is the message's queue id
-- in our Received header. Kept for `event_retention`.
CREATE TABLE platform.mail_events (
    id         bigint GENERATED ALWAYS AS IDENTITY,
    trace_id   text NOT NULL,
    at         timestamptz NOT NULL DEFAULT now(),
    kind       text NOT NULL,               -- accepted, refused, delivered, queued, sent, deferred, bounced, expired, ...
    address    text,                        -- the sender of 'accepted', else the recipient it is about
    message_id text,                        -- only in 'accepted' and 'refused'
    detail     jsonb NOT NULL DEFAULT '{}'  -- client, remote host and reply, TLS, mailbox, reason
);
CREATE INDEX ON platform.mail_events (trace_id);
CREATE INDEX ON platform.mail_events (address, at) WHERE address IS NOT NULL;
CREATE INDEX ON platform.mail_events (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX ON platform.mail_events USING brin (at);

-- Enter events in bulk, in the caller's transaction; the arrays stand side by side.
CREATE FUNCTION platform.log_events(trace_ids text[], kinds text[], addresses text[], message_ids text[], details text[])
RETURNS void LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO platform.mail_events (trace_id, kind, address, message_id, detail)
    SELECT t, k, a, m, d::jsonb FROM unnest(trace_ids, kinds, addresses, message_ids, details) AS e (t, k, a, m, d);
END;

-- How far this database has come. The worker raises it and writes it beside the mail; a database that is
-- behind the file was restored from a backup, and must not give out UIDs that clients have seen.
CREATE TABLE platform.generation (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    number bigint NOT NULL DEFAULT 1
);
INSERT INTO platform.generation DEFAULT VALUES;
