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
    size           bigint NOT NULL,          -- of the file from there on
    eightbit       boolean NOT NULL,         -- needs 8BITMIME or conversion
    smtputf8       boolean NOT NULL DEFAULT false,
    created_at     timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL,
    next_at        timestamptz NOT NULL DEFAULT now(),
    held           boolean NOT NULL DEFAULT false, -- a postmaster's hold, or nobody is left to tell of a failure
    attempt        integer NOT NULL DEFAULT 0, -- rises with each claim: only its claimant may complete it
    worker         text,
    lease_until    timestamptz,              -- by Postgres's clock; NULL: nobody has it
    last_status    text,                     -- RFC 3463 code of the last failure
    last_reply     text                      -- the remote's words, or ours
) WITH (fillfactor = 70);                    -- a claim changes no indexed column: heap-only updates
-- Lanes: what one account sends to one next hop, oldest due first. Claims go round the lanes.
CREATE INDEX messages_lanes ON queue.messages (next_hop, (coalesce(account_id, 0)), next_at, id) WHERE NOT held;
CREATE INDEX messages_due ON queue.messages (next_at) WHERE NOT held;
CREATE INDEX ON queue.messages (trace_id);

-- Enter rows in the caller's transaction; the arrays stand side by side. Gives their ids in that order.
CREATE FUNCTION queue.enqueue(
    trace_ids text[], kinds text[], account_ids bigint[], senders text[], recipients text[],
    original_recipients text[], files text[], prefix_lens integer[], sizes bigint[],
    eightbits boolean[], smtputf8s boolean[], lifetime double precision
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    ids bigint[];
BEGIN
    IF coalesce(cardinality(trace_ids), 0) = 0 THEN
        RETURN '{}';
    END IF;
    WITH entered AS (
        INSERT INTO queue.messages (trace_id, kind, account_id, sender, recipient, original_recipient, next_hop,
                                    file, prefix_len, size, eightbit, smtputf8, expires_at)
        SELECT trace, kind, account, sender, recipient, original,
               CASE kind WHEN 'local' THEN '' ELSE lower(substring(recipient FROM '@([^@]*)$')) END,
               file, prefix_len, size, eightbit, smtputf8, now() + make_interval(secs => lifetime)
        FROM unnest(trace_ids, kinds, account_ids, senders, recipients, original_recipients, files, prefix_lens,
                    sizes, eightbits, smtputf8s) WITH ORDINALITY
             AS row (trace, kind, account, sender, recipient, original, file, prefix_len, size, eightbit, smtputf8, n)
        ORDER BY n
        RETURNING id
    )
    SELECT array_agg(id ORDER BY id) INTO ids FROM entered;
    RETURN ids;
END $$;

-- Lease up to `wanted` due rows of one lane, oldest first.
CREATE FUNCTION queue.claim_lane(
    worker_name text, lease double precision, due timestamptz, wanted integer, lane_hop text, lane_account bigint
) RETURNS bigint[] LANGUAGE sql AS $$
    WITH picked AS (
        SELECT id FROM queue.messages
            WHERE NOT held AND next_hop = lane_hop AND coalesce(account_id, 0) = lane_account
                AND next_at <= due AND (lease_until IS NULL OR lease_until < now())
            ORDER BY next_at, id LIMIT wanted
            FOR UPDATE SKIP LOCKED
    ), leased AS (
        UPDATE queue.messages AS m
            SET attempt = m.attempt + 1, worker = worker_name, lease_until = now() + make_interval(secs => lease)
            FROM picked WHERE m.id = picked.id
            RETURNING m.id
    )
    SELECT coalesce(array_agg(id), '{}') FROM leased
$$;

-- Lease up to `wanted` rows that are due, going round the lanes from behind the lane (hop, account), at most
-- `per_lane` of each in a round, so that a mailing to one place can't hold up a person. Lanes of `busy` hops are
-- passed over, and with `remote` false every lane that leaves this machine. Gives the ids and the lane to go on
-- from. A claim looks at a bounded number of lanes, and the next one goes on where it stopped; the row that has
-- been due for longest comes first, wherever its lane is.
CREATE FUNCTION queue.claim(
    worker_name text, lease double precision, due timestamptz, wanted integer, per_lane integer,
    busy text[], remote boolean, INOUT hop text, INOUT account bigint, OUT claimed bigint[]
) LANGUAGE plpgsql AS $$
DECLARE
    lane    record;
    taken   bigint[];
    gained  boolean := false;
    rounds  integer := 0;
    visited integer := 0;
BEGIN
    claimed := '{}';
    SELECT next_hop, coalesce(account_id, 0) AS account INTO lane FROM queue.messages
        WHERE NOT held AND next_at <= due AND (lease_until IS NULL OR lease_until < now())
        ORDER BY next_at LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF lane.next_hop <> ALL (busy) AND (remote OR lane.next_hop = '') THEN
        claimed := queue.claim_lane(worker_name, lease, due, 1, lane.next_hop, lane.account);
    END IF;
    WHILE visited < 200 AND cardinality(claimed) < wanted LOOP
        visited := visited + 1;
        SELECT next_hop, coalesce(account_id, 0) AS account INTO lane FROM queue.messages
            WHERE NOT held AND (next_hop, coalesce(account_id, 0)) > (hop, claim.account)
            ORDER BY next_hop, coalesce(account_id, 0) LIMIT 1;
        IF NOT FOUND OR (lane.next_hop <> '' AND NOT remote) THEN
            EXIT WHEN rounds > 0 AND NOT gained;  -- a whole round without a row: there are no more
            rounds := rounds + 1;
            gained := false;
            hop := '';
            account := -1;
        ELSIF lane.next_hop = ANY (busy) THEN
            hop := lane.next_hop;
            account := 9223372036854775807;  -- past every lane of that hop
        ELSE
            hop := lane.next_hop;
            account := lane.account;
            taken := queue.claim_lane(worker_name, lease, due, least(per_lane, wanted - cardinality(claimed)), hop, account);
            gained := gained OR cardinality(taken) > 0;
            claimed := claimed || taken;
        END IF;
    END LOOP;
END $$;

-- How many recipients each account wrote to today (UTC), for `submission_rate`. One row an account.
CREATE TABLE queue.submitted (
    account_id bigint PRIMARY KEY,
    day        date NOT NULL,
    recipients integer NOT NULL
);

-- Count recipients in the caller's transaction; the arrays stand side by side, an account may come twice.
CREATE FUNCTION queue.count_submitted(account_ids bigint[], counts integer[]) RETURNS void LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO queue.submitted AS s (account_id, day, recipients)
    SELECT a, (now() AT TIME ZONE 'UTC')::date, sum(n) FROM unnest(account_ids, counts) AS c (a, n)
    GROUP BY a ORDER BY a  -- rows are locked in one order
    ON CONFLICT (account_id) DO UPDATE
    SET recipients = excluded.recipients + CASE WHEN s.day = excluded.day THEN s.recipients ELSE 0 END,
        day = excluded.day;
END;
