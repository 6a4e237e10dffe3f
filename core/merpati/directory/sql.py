"""The statements with which the directory is read."""

# One row for each name asked for, in order. Names of foreign domains have no domain row.
LOOKUP = """
SELECT d.id IS NOT NULL, coalesce(d.enabled, false), d.contact,
       a.kind, c.id, c.address, coalesce(c.has_mailbox AND c.receive_enabled, false), c.has_mailbox,
       ARRAY(SELECT t.target FROM directory.alias_targets t WHERE t.address_id = a.id ORDER BY t.target)
FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS w(local_part, domain, position)
LEFT JOIN directory.domains d ON d.name = w.domain
LEFT JOIN directory.addresses a ON a.domain_id = d.id AND a.local_part = w.local_part
LEFT JOIN directory.accounts c ON c.id = a.account_id AND c.deleted_at IS NULL
ORDER BY w.position
"""

# Who gets postmaster@ where nobody else was named.
FIRST_POSTMASTER = """
SELECT id, address FROM directory.accounts
WHERE role = 'postmaster' AND has_mailbox AND receive_enabled AND deleted_at IS NULL
ORDER BY id LIMIT 1
"""

DOMAIN_EXISTS = "SELECT EXISTS (SELECT FROM directory.domains WHERE name = %s AND enabled)"

_ACCOUNT = """
SELECT c.id, c.address, c.display_name, c.role, c.has_mailbox, c.quota,
       c.login_enabled AND coalesce(d.enabled, true), c.receive_enabled, c.language, c.auth_version
FROM directory.accounts c LEFT JOIN directory.domains d ON d.id = c.domain_id
WHERE c.deleted_at IS NULL AND
"""
ACCOUNT_BY_ID = f"{_ACCOUNT} c.id = %s"
ACCOUNT_BY_ADDRESS = f"{_ACCOUNT} c.address = %s"

SENDER_ADDRESSES = "SELECT directory.sender_addresses(%s)"
