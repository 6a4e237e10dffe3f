-- What changes mail. Each function takes the account's lock first and in a statement of its own, so
-- that the statement after it sees what earlier holders committed (READ COMMITTED): counters and UIDs
-- are exact. Each hands out UIDs and MODSEQs for all its messages at once and logs one change a folder.

-- UIDs, ascending, as an IMAP sequence-set (RFC 9051 section 9).
CREATE FUNCTION mail.sequence_set(uids bigint[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN cardinality(uids) = 1 THEN uids[1]::text
        WHEN uids[cardinality(uids)] - uids[1] + 1 = cardinality(uids) THEN uids[1] || ':' || uids[cardinality(uids)]
        ELSE (
            SELECT string_agg(CASE WHEN lo = hi THEN lo::text ELSE lo || ':' || hi END, ',' ORDER BY lo)
              FROM (SELECT min(uid) AS lo, max(uid) AS hi
                      FROM (SELECT uid, uid - ordinal AS island FROM unnest(uids) WITH ORDINALITY AS u(uid, ordinal)) AS n
                     GROUP BY island) AS ranges)
        END
$$;

-- An account's quota in bytes; 0 is unlimited.
CREATE FUNCTION mail.quota_of(account bigint, default_quota bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(quota, default_quota) FROM directory.accounts WHERE id = account
$$;

-- Which of these messages (by position) do not fit their accounts any more. Called under the locks.
CREATE FUNCTION mail.over_quota(accounts bigint[], sizes bigint[], graces bigint[], default_quota bigint)
RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    refused bigint[] := '{}';
    item    record;
    holder  bigint;
    total   bigint;
BEGIN
    FOR item IN
        SELECT i.ordinal, i.account, i.size, i.grace, a.used, coalesce(d.quota, default_quota) AS quota
          FROM unnest(accounts, sizes, graces) WITH ORDINALITY AS i(account, size, grace, ordinal)
          JOIN mail.accounts a ON a.account_id = i.account
          JOIN directory.accounts d ON d.id = i.account
         WHERE coalesce(d.quota, default_quota) > 0
         ORDER BY i.account, i.ordinal
    LOOP
        IF holder IS DISTINCT FROM item.account THEN
            holder := item.account;
            total := item.used;
        END IF;
        IF total + item.size > item.quota + item.grace THEN
            refused := refused || item.ordinal;
        ELSE
            total := total + item.size;
        END IF;
    END LOOP;
    RETURN refused;
END $$;

-- The thread of a message that names these Message-IDs, its own among them; NULL where it begins one. The
-- account's id stands in the hash, and as `+ 0` out of the planner's sight: this index and no other.
CREATE FUNCTION mail.thread_of(account bigint, identifiers text[]) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT e.thread_id FROM mail.emails e
     WHERE hashtextextended(e.message_id, e.account_id) = ANY (
               ARRAY(SELECT hashtextextended(identifier, account) FROM unnest(identifiers) AS identifier))
       AND e.account_id + 0 = account AND e.message_id = ANY (identifiers)
     LIMIT 1
$$;

-- Enter messages whose files are on disk, one element of each array a message, in any number of
-- accounts and folders. A folder is found by `dir` (and its id, where given): a folder that was renamed
-- or deleted since the file was linked gives 'no_mailbox', and the caller links again.
CREATE FUNCTION mail.place(
    account_ids bigint[], mailbox_ids bigint[], dirs text[], bases text[], flag_masks smallint[], keyword_lists text[],
    trace_ids text[], sizes bigint[], prefix_lens integer[], received_ats timestamptz[], received_offsets smallint[],
    senders text[], recipients text[], graces bigint[], sent_ats timestamptz[], message_ids text[],
    reference_lists text[], subjects text[], from_texts text[], to_texts text[], previews text[],
    attachments boolean[], envelopes bytea[], bodies bytea[], bodystructures bytea[], header_blocks bytea[],
    default_quota bigint
) RETURNS TABLE (
    ordinal bigint, status text, mailbox_id bigint, uid bigint, uidvalidity bigint, modseq bigint, email_id bigint
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    refused bigint[];
BEGIN
    PERFORM 1 FROM mail.accounts a WHERE a.account_id = ANY (account_ids) ORDER BY a.account_id FOR NO KEY UPDATE;
    refused := mail.over_quota(account_ids, sizes, graces, default_quota);
    RETURN QUERY
    WITH item AS MATERIALIZED (
        SELECT i.*, b.id AS box, b.uidvalidity, b.uidnext, a.modseq + 1 AS modseq,
               CASE WHEN b.id IS NULL THEN 'no_mailbox'
                    WHEN i.ordinal = ANY (refused) THEN 'over_quota'
                    ELSE 'placed' END AS status
          FROM unnest(account_ids, mailbox_ids, dirs, bases, flag_masks, keyword_lists, trace_ids, sizes,
                      prefix_lens, received_ats, received_offsets, senders, recipients, sent_ats, message_ids,
                      reference_lists, subjects, from_texts, to_texts, previews, attachments, envelopes, bodies,
                      bodystructures, header_blocks) WITH ORDINALITY
               AS i(account_id, wanted, dir, base, flags, keywords, trace_id, size,
                    prefix_len, received_at, received_offset, sender, recipient, sent_at, message_id,
                    reference_list, subject, from_text, to_text, preview, attachment, envelope, body,
                    bodystructure, header_block, ordinal)
          LEFT JOIN mail.mailboxes b
                 ON b.account_id = i.account_id AND b.dir = i.dir AND (i.wanted IS NULL OR b.id = i.wanted)
          LEFT JOIN mail.accounts a ON a.account_id = i.account_id
    ), placed AS MATERIALIZED (
        SELECT p.*, nextval('mail.emails_id_seq') AS email_id
          FROM (SELECT item.*, uidnext - 1 + row_number() OVER (PARTITION BY box ORDER BY ordinal) AS uid
                  FROM item WHERE status = 'placed') AS p
    ), email AS (
        INSERT INTO mail.emails (
            account_id, id, trace_id, thread_id, size, file_size, prefix_len, received_at, received_offset, sent_at,
            sender, recipient, message_id, reference_ids, subject, from_text, to_text, preview, has_attachment,
            envelope, body, bodystructure, headers)
        OVERRIDING SYSTEM VALUE
        SELECT p.account_id, p.email_id, p.trace_id,
               coalesce(mail.thread_of(p.account_id, string_to_array(p.reference_list, E'\n') || p.message_id),
                        p.email_id),
               p.size, p.size, p.prefix_len, coalesce(p.received_at, now()), p.received_offset, p.sent_at,
               p.sender, p.recipient, p.message_id, string_to_array(p.reference_list, E'\n'), p.subject,
               p.from_text, p.to_text, p.preview, p.attachment, p.envelope, p.body, p.bodystructure, p.header_block
          FROM placed p
    ), message AS (
        INSERT INTO mail.mailbox_messages (account_id, mailbox_id, uid, email_id, modseq, flags, mirrored, base, keywords)
        SELECT account_id, box, uid, email_id, modseq, flags, flags, base, string_to_array(keywords, ' ') FROM placed
    ), folder AS MATERIALIZED (
        SELECT account_id, box, modseq, count(*) AS messages, sum(size) AS size, min(uid) AS lo, max(uid) AS hi,
               count(*) FILTER (WHERE flags & 8 = 0) AS unseen, count(*) FILTER (WHERE flags & 4 <> 0) AS deleted
          FROM placed GROUP BY account_id, box, modseq
    ), logged AS (
        INSERT INTO mail.changes (account_id, mailbox_id, modseq, kind, uids)
        SELECT account_id, box, modseq, 0, CASE WHEN lo = hi THEN lo::text ELSE lo || ':' || hi END FROM folder
    ), counted AS (
        UPDATE mail.mailboxes b
           SET uidnext = f.hi + 1, modseq = f.modseq, exists = b.exists + f.messages, unseen = b.unseen + f.unseen,
               deleted = b.deleted + f.deleted, size = b.size + f.size
          FROM folder f WHERE b.account_id = f.account_id AND b.id = f.box
    ), account AS (
        UPDATE mail.accounts a
           SET modseq = t.modseq, used = a.used + t.size, messages = a.messages + t.messages
          FROM (SELECT account_id, modseq, sum(size) AS size, sum(messages) AS messages
                  FROM folder GROUP BY account_id, modseq) AS t
         WHERE a.account_id = t.account_id
    )
    SELECT i.ordinal, i.status, i.box, p.uid, i.uidvalidity, i.modseq, p.email_id
      FROM item i LEFT JOIN placed p USING (ordinal) ORDER BY i.ordinal;
END $$;

-- What STORE makes of a message's flags and keywords: mode is set, add or remove; `words` are sorted.
CREATE FUNCTION mail.flags_after(mode text, flags smallint, mask smallint) RETURNS smallint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE mode WHEN 'set' THEN mask WHEN 'add' THEN flags | mask ELSE flags & ~mask END
$$;
CREATE FUNCTION mail.with_words(keywords text[], words text[]) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT (array_agg(DISTINCT word ORDER BY word))[:500] FROM unnest(keywords || words) AS word
$$;
CREATE FUNCTION mail.without_words(keywords text[], words text[]) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT ARRAY(SELECT word FROM unnest(keywords) AS word WHERE word <> ALL (words) ORDER BY word)
$$;
-- The subselects stand in functions of their own, so that Postgres can inline this one.
CREATE FUNCTION mail.keywords_after(mode text, keywords text[], words text[]) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN mode = 'set' THEN words
        WHEN mode = 'add' AND NOT keywords @> words THEN mail.with_words(keywords, words)
        WHEN mode = 'remove' AND keywords && words THEN mail.without_words(keywords, words)
        ELSE keywords END
$$;

-- STORE (RFC 9051 6.4.6, RFC 7162 3.1.3): `los` and `his` are ranges of UIDs that do not overlap. Messages
-- that already are as asked keep their MODSEQ.
CREATE FUNCTION mail.store_flags(
    account bigint, mailbox bigint, los bigint[], his bigint[], mode text, mask smallint, words text[],
    unchanged_since bigint
) RETURNS TABLE (modseq bigint, updated bigint[], failed bigint[]) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    next  bigint;
    stale bigint[] := '{}';
BEGIN
    SELECT a.modseq + 1 INTO next FROM mail.accounts a WHERE a.account_id = account FOR NO KEY UPDATE;
    IF unchanged_since IS NOT NULL THEN
        stale := ARRAY(SELECT m.uid FROM unnest(los, his) AS r(lo, hi) JOIN mail.mailbox_messages m
                           ON m.account_id = account AND m.mailbox_id = mailbox AND m.uid BETWEEN r.lo AND r.hi
                        WHERE m.modseq > unchanged_since ORDER BY m.uid);
    END IF;
    RETURN QUERY
    WITH before AS MATERIALIZED (  -- the same rows as `changed`, as they were: a join of the two would cost more
        SELECT count(*) FILTER (WHERE m.flags & 8 = 0) AS unseen, count(*) FILTER (WHERE m.flags & 4 <> 0) AS deleted
          FROM unnest(los, his) AS r(lo, hi) JOIN mail.mailbox_messages m
            ON m.account_id = account AND m.mailbox_id = mailbox AND m.uid BETWEEN r.lo AND r.hi
         WHERE m.modseq <= coalesce(unchanged_since, m.modseq)
           AND (mail.flags_after(mode, m.flags, mask) <> m.flags
                OR mail.keywords_after(mode, m.keywords, words) <> m.keywords)
    ), changed AS (
        UPDATE mail.mailbox_messages m
           SET flags = mail.flags_after(mode, m.flags, mask), keywords = mail.keywords_after(mode, m.keywords, words),
               modseq = next
          FROM unnest(los, his) AS r(lo, hi)
         WHERE m.account_id = account AND m.mailbox_id = mailbox AND m.uid BETWEEN r.lo AND r.hi
           AND m.modseq <= coalesce(unchanged_since, m.modseq)
           AND (mail.flags_after(mode, m.flags, mask) <> m.flags
                OR mail.keywords_after(mode, m.keywords, words) <> m.keywords)
        RETURNING m.uid, m.flags
    ), total AS MATERIALIZED (
        SELECT count(*) AS messages, array_agg(uid ORDER BY uid) AS uids,
               count(*) FILTER (WHERE flags & 8 = 0) AS unseen, count(*) FILTER (WHERE flags & 4 <> 0) AS deleted
          FROM changed
    ), logged AS (
        INSERT INTO mail.changes (account_id, mailbox_id, modseq, kind, uids)
        SELECT account, mailbox, next, 1, mail.sequence_set(uids) FROM total WHERE messages > 0
    ), counted AS (
        UPDATE mail.mailboxes b
           SET modseq = next, unseen = b.unseen + t.unseen - o.unseen, deleted = b.deleted + t.deleted - o.deleted
          FROM total t, before o WHERE t.messages > 0 AND b.account_id = account AND b.id = mailbox
    ), advanced AS (
        UPDATE mail.accounts a SET modseq = next FROM total t WHERE t.messages > 0 AND a.account_id = account
    )
    SELECT CASE WHEN t.messages > 0 THEN next ELSE next - 1 END, coalesce(t.uids, '{}'), stale FROM total t;
END $$;

-- EXPUNGE: those of the ranges that have a flag of `mask` (0: all). Their files are removed after the
-- grace, by what unlink_log says and nothing else.
CREATE FUNCTION mail.expunge(
    account bigint, mailbox bigint, los bigint[], his bigint[], mask smallint, grace interval
) RETURNS TABLE (modseq bigint, uids bigint[]) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    next bigint;
BEGIN
    SELECT a.modseq + 1 INTO next FROM mail.accounts a WHERE a.account_id = account FOR NO KEY UPDATE;
    RETURN QUERY
    WITH gone AS (
        DELETE FROM mail.mailbox_messages m USING unnest(los, his) AS r(lo, hi)
         WHERE m.account_id = account AND m.mailbox_id = mailbox AND m.uid BETWEEN r.lo AND r.hi
           AND (mask = 0 OR m.flags & mask <> 0)
        RETURNING m.uid, m.email_id, m.base, m.flags, m.mirrored
    ), logged AS (
        INSERT INTO mail.unlink_log (account_id, mailbox_id, uid, email_id, dir, base, flags, mirrored, due)
        SELECT account, mailbox, g.uid, g.email_id, b.dir, g.base, g.flags, g.mirrored, now() + grace
          FROM gone g JOIN mail.mailboxes b ON b.account_id = account AND b.id = mailbox
    ), total AS MATERIALIZED (
        SELECT count(*) AS messages, array_agg(g.uid ORDER BY g.uid) AS uids, sum(e.size) AS size,
               count(*) FILTER (WHERE g.flags & 8 = 0) AS unseen, count(*) FILTER (WHERE g.flags & 4 <> 0) AS deleted
          FROM gone g JOIN mail.emails e ON e.account_id = account AND e.id = g.email_id
    ), told AS (
        INSERT INTO mail.changes (account_id, mailbox_id, modseq, kind, uids)
        SELECT account, mailbox, next, 2, mail.sequence_set(uids) FROM total WHERE messages > 0
    ), counted AS (
        UPDATE mail.mailboxes b
           SET modseq = next, exists = b.exists - t.messages, unseen = b.unseen - t.unseen,
               deleted = b.deleted - t.deleted, size = b.size - t.size
          FROM total t WHERE t.messages > 0 AND b.account_id = account AND b.id = mailbox
    ), advanced AS (
        UPDATE mail.accounts a SET modseq = next, used = a.used - t.size, messages = a.messages - t.messages
          FROM total t WHERE t.messages > 0 AND a.account_id = account
    )
    SELECT CASE WHEN t.messages > 0 THEN next ELSE next - 1 END, coalesce(t.uids, '{}') FROM total t;
END $$;

-- COPY and MOVE (RFC 6851): enter the links made for `uids` under `bases`. Messages expunged meanwhile
-- are left out; the caller removes their links. All or nothing otherwise.
CREATE FUNCTION mail.copy(
    account bigint, source bigint, target bigint, target_dir text, uids bigint[], bases text[], masks smallint[],
    move boolean, grace interval, default_quota bigint
) RETURNS TABLE (status text, uidvalidity bigint, modseq bigint, source_uids bigint[], target_uids bigint[])
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    next   bigint;
    stock  bigint;
    quota  bigint;
    more   bigint;
    result record;
BEGIN
    SELECT a.modseq + 1, a.used INTO next, stock FROM mail.accounts a WHERE a.account_id = account FOR NO KEY UPDATE;
    IF NOT EXISTS (SELECT FROM mail.mailboxes b WHERE b.account_id = account AND b.id = target AND b.dir = target_dir) THEN
        RETURN QUERY SELECT 'no_mailbox', NULL::bigint, NULL::bigint, '{}'::bigint[], '{}'::bigint[];
        RETURN;
    END IF;
    quota := mail.quota_of(account, default_quota);
    IF quota > 0 AND NOT move THEN
        SELECT coalesce(sum(e.size), 0) INTO more
          FROM unnest(uids) AS wanted
          JOIN mail.mailbox_messages m ON m.account_id = account AND m.mailbox_id = source AND m.uid = wanted
          JOIN mail.emails e ON e.account_id = account AND e.id = m.email_id;
        IF more > 0 AND stock + more > quota THEN
            RETURN QUERY SELECT 'over_quota', NULL::bigint, NULL::bigint, '{}'::bigint[], '{}'::bigint[];
            RETURN;
        END IF;
    END IF;
    WITH item AS MATERIALIZED (
        SELECT w.uid, w.base, w.mask, m.email_id, m.flags, m.keywords, e.size,
               b.uidnext - 1 + row_number() OVER (ORDER BY w.uid) AS new_uid
          FROM unnest(uids, bases, masks) AS w(uid, base, mask)
          JOIN mail.mailbox_messages m ON m.account_id = account AND m.mailbox_id = source AND m.uid = w.uid
          JOIN mail.emails e ON e.account_id = account AND e.id = m.email_id
          JOIN mail.mailboxes b ON b.account_id = account AND b.id = target
    ), entered AS (
        INSERT INTO mail.mailbox_messages (account_id, mailbox_id, uid, email_id, modseq, flags, mirrored, base, keywords)
        SELECT account, target, new_uid, email_id, next, flags, mask, base, keywords FROM item
    ), total AS MATERIALIZED (
        SELECT count(*) AS messages, sum(size) AS size, min(new_uid) AS lo, max(new_uid) AS hi,
               array_agg(uid ORDER BY uid) AS source_uids, array_agg(new_uid ORDER BY uid) AS target_uids,
               count(*) FILTER (WHERE flags & 8 = 0) AS unseen, count(*) FILTER (WHERE flags & 4 <> 0) AS deleted
          FROM item
    ), logged AS (
        INSERT INTO mail.changes (account_id, mailbox_id, modseq, kind, uids)
        SELECT account, target, next, 0, CASE WHEN lo = hi THEN lo::text ELSE lo || ':' || hi END
          FROM total WHERE messages > 0
    ), counted AS (
        UPDATE mail.mailboxes b
           SET uidnext = t.hi + 1, modseq = next, exists = b.exists + t.messages, unseen = b.unseen + t.unseen,
               deleted = b.deleted + t.deleted, size = b.size + t.size
          FROM total t WHERE t.messages > 0 AND b.account_id = account AND b.id = target
    ), advanced AS (
        UPDATE mail.accounts a SET modseq = next, used = a.used + t.size, messages = a.messages + t.messages
          FROM total t WHERE t.messages > 0 AND a.account_id = account
    )
    SELECT coalesce(t.source_uids, '{}') AS source_uids, coalesce(t.target_uids, '{}') AS target_uids, t.messages
      INTO result FROM total t;
    IF move AND result.messages > 0 THEN
        PERFORM FROM mail.expunge(account, source, result.source_uids, result.source_uids, 0::smallint, grace);
    END IF;
    RETURN QUERY
    SELECT 'placed', b.uidvalidity, b.modseq, result.source_uids, result.target_uids
      FROM mail.mailboxes b WHERE b.account_id = account AND b.id = target;
END $$;
