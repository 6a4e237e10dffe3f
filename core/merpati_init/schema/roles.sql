-- What each service may touch, and no more. Roles themselves (with passwords) are made by merpati_init.
GRANT USAGE ON SCHEMA platform, directory, mail, queue
    TO merpati_smtp, merpati_outbound, merpati_imap, merpati_webmail, merpati_auth, merpati_worker;
GRANT INSERT, SELECT ON platform.mail_events
    TO merpati_smtp, merpati_outbound, merpati_imap, merpati_webmail, merpati_auth, merpati_worker;
GRANT DELETE ON platform.mail_events TO merpati_worker;
GRANT SELECT, INSERT, UPDATE ON platform.jobs TO merpati_worker;
GRANT SELECT, UPDATE ON platform.generation TO merpati_worker;
GRANT MAINTAIN ON ALL TABLES IN SCHEMA platform, directory, mail, queue TO merpati_worker;  -- ANALYZE
GRANT SELECT, UPDATE ON SEQUENCE directory.accounts_id_seq TO merpati_worker;  -- after a restore (store/restored.py)

GRANT SELECT ON ALL TABLES IN SCHEMA directory
    TO merpati_smtp, merpati_outbound, merpati_imap, merpati_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA directory TO merpati_auth;
-- A private key is for the one who signs; even auth, which makes it, cannot read it again.
REVOKE SELECT, INSERT, UPDATE, DELETE ON directory.dkim_keys
    FROM merpati_smtp, merpati_imap, merpati_worker, merpati_auth;
GRANT INSERT, DELETE, SELECT (domain_id, selector, algorithm, record, active, created_at), UPDATE (active)
    ON directory.dkim_keys TO merpati_auth;
GRANT SELECT ON directory.domains, directory.accounts, directory.addresses TO merpati_webmail;
GRANT DELETE ON directory.accounts TO merpati_worker;  -- a deleted account, once its mail is purged

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA mail
    TO merpati_smtp, merpati_outbound, merpati_imap, merpati_webmail, merpati_worker;
GRANT SELECT, INSERT ON mail.accounts, mail.mailboxes TO merpati_auth;  -- an account's folders are made with it

GRANT SELECT, INSERT, UPDATE, DELETE ON queue.messages TO merpati_outbound, merpati_worker, merpati_auth;
GRANT SELECT, INSERT ON queue.messages TO merpati_smtp, merpati_webmail;
GRANT SELECT, INSERT, UPDATE ON queue.submitted TO merpati_smtp, merpati_outbound, merpati_webmail;

GRANT USAGE ON SCHEMA auth TO merpati_auth;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA auth TO merpati_auth;
GRANT USAGE ON SCHEMA webmail TO merpati_webmail;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA webmail TO merpati_webmail;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA platform, directory, mail, queue, auth, webmail
    TO merpati_smtp, merpati_outbound, merpati_imap, merpati_webmail, merpati_auth, merpati_worker;

-- The browser-facing role sees one account at a time: an SQL bug there cannot show another's mail.
CREATE FUNCTION platform.current_account() RETURNS bigint LANGUAGE sql STABLE
    RETURN nullif(current_setting('merpati.account_id', true), '')::bigint;
GRANT EXECUTE ON FUNCTION platform.current_account() TO PUBLIC;
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['mail.accounts', 'mail.mailboxes', 'mail.emails', 'mail.mailbox_messages',
                             'mail.changes', 'mail.unlink_log', 'mail.renames', 'queue.messages', 'queue.submitted', 'directory.accounts', 'directory.addresses'] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY services ON %s TO merpati_smtp, merpati_outbound, merpati_imap, merpati_auth, merpati_worker USING (true) WITH CHECK (true)', t);
        EXECUTE format('CREATE POLICY one_account ON %s TO merpati_webmail USING (%s = platform.current_account()) WITH CHECK (%s = platform.current_account())',
                       t, CASE t WHEN 'directory.accounts' THEN 'id' ELSE 'account_id' END,
                       CASE t WHEN 'directory.accounts' THEN 'id' ELSE 'account_id' END);
    END LOOP;
END $$;
