"""Expansion of recipients over a directory in memory."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.directory.model import LocalTarget, Resolution
from merpati.directory.resolve import MAX_DEPTH, Entry, Expansion
from merpati.platform.errors import Invalid

TITO, IQBAL, BOSS = (
    LocalTarget(1, "tito@a.example"),
    LocalTarget(2, "iqbal@a.example"),
    LocalTarget(9, "boss@a.example"),
)


class Names:
    """A directory of the domains a.example and, switched off, off.example."""

    def __init__(self, postmaster: LocalTarget | None = BOSS, **aliases: Sequence[str]) -> None:
        self.accounts = {"tito": TITO, "iqbal": IQBAL}
        self.aliases = aliases
        self.postmaster = postmaster
        self.contact: str | None = None
        self.deaf: set[str] = set()

    async def lookup(self, names: Sequence[tuple[str, str]]) -> Sequence[Entry]:
        return [self.entry(local, domain) for local, domain in names]

    def entry(self, local: str, domain: str) -> Entry:
        if domain == "off.example":
            return Entry(local_domain=True, kind="account", account=TITO, receives=True, has_mailbox=True)
        if domain != "a.example":
            return Entry(local_domain=False)
        if local in self.aliases:
            return Entry(local_domain=True, enabled=True, kind="alias", targets=self.aliases[local])
        account = self.accounts.get(local)
        return Entry(
            local_domain=True,
            enabled=True,
            contact=self.contact,
            kind="account" if account else None,
            account=account,
            receives=account is not None and local not in self.deaf,
            has_mailbox=account is not None,
        )

    async def first_postmaster(self) -> LocalTarget | None:
        return self.postmaster

    async def resolve(self, address: str) -> Resolution:
        return await Expansion(self.lookup, self.first_postmaster, "+", "mail.a.example").run(address)


async def test_account_with_and_without_detail() -> None:
    names = Names()
    for address in ("tito@a.example", "Tito+News@A.example"):
        assert await names.resolve(address) == Resolution(True, True, (TITO,))


async def test_exact_name_wins_over_its_prefix() -> None:
    names = Names(**{"tito+news": ["iqbal@a.example"]})
    assert (await names.resolve("tito+news@a.example")).locals == (IQBAL,)


async def test_unknown_and_foreign() -> None:
    names = Names()
    assert await names.resolve("nobody@a.example") == Resolution(False, True)
    assert await names.resolve("tito@elsewhere.example") == Resolution(False, False)


async def test_alias_here_and_elsewhere_each_once() -> None:
    names = Names(
        all=["tito@a.example", "team@a.example", "x@elsewhere.example", "gone@a.example"],
        team=["tito+team@a.example", "iqbal@a.example", "X@elsewhere.example"],
    )
    found = await names.resolve("all@a.example")
    assert found == Resolution(True, True, (TITO, IQBAL), ("x@elsewhere.example",))


async def test_loops_end() -> None:
    names = Names(a=["b@a.example"], b=["a@a.example", "tito@a.example"])
    assert (await names.resolve("a@a.example")).locals == (TITO,)
    assert not (await Names(a=["a@a.example"]).resolve("a@a.example")).known


async def test_depth_is_bounded() -> None:
    chain = {f"n{i}": [f"n{i + 1}@a.example"] for i in range(MAX_DEPTH + 5)}
    assert not (await Names(**chain).resolve("n0@a.example")).known
    chain[f"n{MAX_DEPTH - 1}"] = ["tito@a.example"]
    assert (await Names(**chain).resolve("n0@a.example")).known


async def test_switched_off() -> None:
    names = Names()
    names.deaf.add("tito")
    assert await names.resolve("tito@a.example") == Resolution(False, True, disabled=True)
    assert await names.resolve("tito@off.example") == Resolution(False, True, disabled=True)


@pytest.mark.parametrize(
    "name", ["postmaster@a.example", "ABUSE@a.example", "postmaster", "postmaster@mail.a.example"]
)
async def test_contacts_reach_the_first_postmaster(name: str) -> None:
    assert (await Names().resolve(name)).locals == (BOSS,)
    assert not (await Names(postmaster=None).resolve(name)).known


async def test_contacts_reach_whom_the_domain_names() -> None:
    names = Names()
    names.contact = "iqbal@a.example"
    assert (await names.resolve("postmaster@a.example")).locals == (IQBAL,)
    assert (await Names(abuse=["tito@a.example"]).resolve("abuse@a.example")).locals == (TITO,)


async def test_a_contact_elsewhere_is_relayed_to() -> None:
    names = Names()
    names.contact = "help@elsewhere.example"
    assert (await names.resolve("abuse@a.example")).remotes == ("help@elsewhere.example",)


@pytest.mark.parametrize("contact", ["nobody@a.example", "postmaster@a.example", "abuse@a.example"])
async def test_a_contact_that_leads_nowhere_is_no_reason_to_refuse(contact: str) -> None:
    names = Names()
    names.contact = contact
    for name in ("postmaster@a.example", "abuse+x@a.example"):
        assert (await names.resolve(name)).locals == (BOSS,)
    assert (await Names(postmaster=BOSS, abuse=["nobody@a.example"]).resolve("abuse@a.example")).locals == (
        BOSS,
    )
    assert (await Names(root=["postmaster@a.example"]).resolve("root@a.example")).locals == (BOSS,)


LOCAL_PARTS = ["tito", "iqbal", "a", "b", "c", "postmaster", "nobody"]


@given(
    st.dictionaries(
        st.sampled_from("abc"),
        st.lists(
            st.one_of(
                st.sampled_from([f"{name}@a.example" for name in LOCAL_PARTS]),
                st.sampled_from(["a+x@a.example", "x@elsewhere.example", "tito@off.example"]),
            ),
            max_size=4,
        ),
    ),
    st.sampled_from(LOCAL_PARTS),
)
async def test_any_aliases_end_where_a_walk_of_them_ends(aliases: dict[str, list[str]], name: str) -> None:
    found = await Names(**aliases).resolve(f"{name}@a.example")
    reached, waiting = set(), [f"{name}@a.example"]
    while waiting:
        address = waiting.pop()
        if address not in reached:
            reached.add(address)
            waiting += aliases.get(address.partition("@")[0].partition("+")[0], ())
    expected = {target for target in (TITO, IQBAL) if target.address in reached}
    if "postmaster@a.example" in reached:
        expected.add(BOSS)
    assert set(found.locals) == expected
    assert set(found.remotes) == reached & {"x@elsewhere.example"}
    assert found.known == bool(found.locals or found.remotes)


async def test_no_address_is_refused() -> None:
    with pytest.raises(Invalid):
        await Names().resolve("no address")
