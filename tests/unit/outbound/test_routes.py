"""Where mail goes, by what the DNS and the settings say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from merpati.platform.settings import Settings
from merpati_smtp.outbound.resolver import Resolver
from merpati_smtp.outbound.routes import NoRoute, Relay, Router
from tests.fakes.dns import FakeDNS


@pytest.fixture
def dns() -> Iterator[FakeDNS]:
    with FakeDNS() as dns:
        yield dns


def router(dns: FakeDNS, **changes: object) -> Router:
    values = {
        "dns_server": dns.endpoint,
        "myhostname": "mail.example.com",
        "inet_protocols": "ipv4",
        **changes,
    }
    settings = Settings(_env_file=None, **values)  # type: ignore[call-arg,arg-type]
    return Router(settings, Resolver(settings))


async def hops(router: Router, domain: str) -> list[str]:
    return [hop.label for hop in await router.route(domain)]


async def failure(router: Router, domain: str) -> str:
    with pytest.raises(NoRoute) as refused:
        await router.route(domain)
    return refused.value.failure.status


async def test_servers_come_by_preference_each_with_all_its_addresses(dns: FakeDNS) -> None:
    dns.mx("example.net", (20, "b.example.net"), (10, "a.example.net"))
    dns.address("a.example.net", "192.0.2.1", "192.0.2.2", "2001:db8::1")
    dns.address("b.example.net", "192.0.2.3")
    found = await hops(router(dns), "example.net")
    assert sorted(found[:2]) == ["a.example.net[192.0.2.1]:25", "a.example.net[192.0.2.2]:25"]
    assert found[2:] == ["b.example.net[192.0.2.3]:25"]
    both = await hops(router(dns, inet_protocols="all"), "example.net")
    assert both[0] == "a.example.net[2001:db8::1]:25"
    assert await hops(router(dns, inet_protocols="ipv6"), "example.net") == both[:1]


async def test_equal_servers_share_the_load(dns: FakeDNS) -> None:
    dns.mx("example.net", (10, "a.example.net"), (10, "b.example.net"))
    dns.address("a.example.net", "192.0.2.1")
    dns.address("b.example.net", "192.0.2.2")
    asked = router(dns)
    assert {(await hops(asked, "example.net"))[0][0] for _ in range(60)} == {"a", "b"}


async def test_a_server_without_an_address_is_passed_over(dns: FakeDNS) -> None:
    dns.mx("example.net", (10, "gone.example.net"), (20, "b.example.net"))
    dns.address("b.example.net", "192.0.2.2")
    assert await hops(router(dns), "example.net") == ["b.example.net[192.0.2.2]:25"]


async def test_servers_that_are_no_better_than_we_are_left_out(dns: FakeDNS) -> None:
    dns.mx("example.net", (10, "a.example.net"), (20, "mail.example.com"), (30, "c.example.net"))
    for number, name in enumerate(("a.example.net", "mail.example.com", "c.example.net"), 1):
        dns.address(name, f"192.0.2.{number}")
    assert await hops(router(dns), "example.net") == ["a.example.net[192.0.2.1]:25"]


async def test_what_cannot_be_routed_says_why_and_whether_for_good(dns: FakeDNS) -> None:
    dns.null_mx("closed.example")
    dns.mx("ours.example", (10, "mail.example.com"))
    dns.address("homeless.example")
    dns.fail("sick.example")
    dns.mx("half.example", (10, "a.half.example"), (20, "gone.half.example"))
    dns.fail("a.half.example")
    asked = router(dns)
    domains = [
        "nowhere.example",
        "closed.example",
        "ours.example",
        "homeless.example",
        "sick.example",
        "half.example",
    ]
    assert [await failure(asked, domain) for domain in domains] == [
        "5.1.2",
        "5.1.10",
        "5.4.6",
        "5.4.4",
        "4.4.3",
        "4.4.3",
    ]
    assert await failure(asked, "a" * 64 + ".example") == "5.1.2"


async def test_an_address_in_place_of_a_domain(dns: FakeDNS) -> None:
    asked = router(dns)
    assert await hops(asked, "[192.0.2.9]") == ["[192.0.2.9][192.0.2.9]:25"]
    assert [hop.address for hop in await asked.route("[IPv6:2001:db8::9]")] == ["2001:db8::9"]
    assert await failure(asked, "[nonsense]") == "5.1.2"
    assert dns.queries == []


async def test_our_own_listener_is_no_hop(dns: FakeDNS) -> None:
    dns.mx("example.net", (10, "other-name.example.com"))
    dns.address("other-name.example.com", "127.0.0.1")
    everywhere = router(dns, smtp_port=25, host="0.0.0.0")
    assert await failure(everywhere, "example.net") == "5.4.6"
    assert await failure(everywhere, "[127.0.0.1]") == "5.4.6"


async def test_a_relayhost_takes_the_place_of_every_domain(dns: FakeDNS) -> None:
    dns.address("relay.example.net", "192.0.2.5")
    dns.mx("relay.example.net", (10, "mx.relay.example.net"))
    dns.address("mx.relay.example.net", "192.0.2.6")
    direct = router(dns, relayhost="[relay.example.net]:587")
    assert await hops(direct, "anywhere.example") == ["relay.example.net[192.0.2.5]:587"]
    by_mx = router(dns, relayhost="relay.example.net", smtp_out_port=2525)
    assert await hops(by_mx, "anywhere.example") == ["mx.relay.example.net[192.0.2.6]:2525"]


async def test_a_mistyped_relayhost_bounces_nothing(dns: FakeDNS) -> None:
    assert await failure(router(dns, relayhost="relya.example.net"), "anywhere.example") == "4.4.4"


@pytest.mark.parametrize(
    ("value", "relay"),
    [
        ("", None),
        ("relay.example", Relay("relay.example", None, False)),
        ("relay.example:2525", Relay("relay.example", 2525, False)),
        ("[relay.example]", Relay("relay.example", None, True)),
        (" [192.0.2.1]:587 ", Relay("192.0.2.1", 587, True)),
        ("[2001:db8::1]:587", Relay("2001:db8::1", 587, True)),
    ],
)
def test_the_forms_of_relayhost(value: str, relay: Relay | None) -> None:
    assert Relay.of(value) == relay


@pytest.mark.parametrize("value", ["relay.example:smtp", "[relay.example", "a b:25:25"])
def test_what_is_no_relayhost(value: str) -> None:
    with pytest.raises(ValueError, match="relayhost"):
        Relay.of(value)
