"""What transcripts stand on: accounts with known passwords and mail in their folders, without services/auth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from merpati.directory import Verdict
from merpati.platform.db import Database
from merpati.platform.errors import BadCredentials
from merpati.platform.events import DIRECTORY, Bell, account_channel
from merpati.platform.settings import Settings
from merpati.store import Flag, MailFiles, NewMessage, Store, provision

MESSAGES = Path(__file__).parent / "messages"
_FLAGS = {f"\\{flag.name.capitalize()}": flag for flag in Flag if flag.name}


class Passwords:
    """Stands in for `AuthClient`: verdicts of the accounts that a transcript made."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], Verdict] = {}

    async def verify(self, username: str, password: str, *, service: str, client: str) -> Verdict:
        verdict = self.known.get((username.lower(), password))
        if verdict is None:
            raise BadCredentials("wrong user name or password")
        return verdict


class World:
    """One database, mail root and bell, with the steps that `setup:` lines name."""

    def __init__(self, settings: Settings, owner: Database, bell: Bell) -> None:
        self.settings = settings
        self.owner = owner
        self.bell = bell
        self.passwords = Passwords()
        self.store = Store(owner, MailFiles(settings.mail_root), bell, settings)
        self._accounts: dict[str, int] = {}

    async def set_up(self, steps: Sequence[Sequence[str]]) -> None:
        for name, *arguments in steps:
            await getattr(self, f"do_{name}")(*arguments)

    async def do_account(self, address: str, password: str) -> int:
        """A new account; an earlier one of the same address (of another transcript) makes way."""
        local, _, domain = address.partition("@")
        async with self.owner.transaction() as conn:
            await conn.execute(
                "INSERT INTO directory.domains (name) VALUES (%s) ON CONFLICT DO NOTHING", (domain,)
            )
            await conn.execute(
                "DELETE FROM directory.addresses a USING directory.domains d"
                " WHERE a.domain_id = d.id AND a.local_part = %s AND d.name = %s",
                (local, domain),
            )
            await conn.execute(
                "UPDATE directory.accounts SET deleted_at = now() WHERE address = %s AND deleted_at IS NULL",
                (address,),
            )
            cursor = await conn.execute(
                "INSERT INTO directory.accounts (domain_id, address)"
                " SELECT id, %s FROM directory.domains WHERE name = %s RETURNING id",
                (address, domain),
            )
            (account_id,) = await cursor.fetchone()  # type: ignore[misc]
            await conn.execute(
                "INSERT INTO directory.addresses (domain_id, local_part, kind, account_id)"
                " SELECT id, %s, 'account', %s FROM directory.domains WHERE name = %s",
                (local, account_id, domain),
            )
            await provision(conn, account_id)
        self._accounts[address] = account_id
        self.passwords.known[address, password] = Verdict(account_id, address, "user", True, 1, local, "en")
        return account_id

    async def do_message(self, address: str, folder: str, name: str, *flags: str) -> None:
        """A message of tests/protocol/messages into a folder."""
        mask = Flag(0)
        for flag in flags:
            mask |= _FLAGS.get(flag, Flag(0))
        keywords = frozenset(flag for flag in flags if flag not in _FLAGS)
        data = (MESSAGES / name).read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        account_id = self._accounts[address]
        mailbox = await self.store.mailbox(account_id, folder)
        await self.store.append(account_id, mailbox.id, [NewMessage(data, mask, keywords)])

    async def do_folder(self, address: str, name: str) -> None:
        await self.store.create(self._accounts[address], name)

    async def do_quota(self, address: str, octets: str) -> None:
        async with self.owner.connection() as conn:
            await conn.execute(
                "UPDATE directory.accounts SET quota = %s WHERE id = %s",
                (int(octets), self._accounts[address]),
            )

    async def disable(self, address: str) -> None:
        """Switch an account's login off, as services/auth does it."""
        account_id = self._accounts[address]
        async with self.owner.connection() as conn:
            await conn.execute(
                "UPDATE directory.accounts SET login_enabled = false, auth_version = auth_version + 1 WHERE id = %s",
                (account_id,),
            )
        self.bell.ring(DIRECTORY, account_channel(account_id))
