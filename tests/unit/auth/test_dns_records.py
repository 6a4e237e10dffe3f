"""The records of a domain, and the zone file that says them."""

from __future__ import annotations

from datetime import date

import dns.zone

from merpati.directory.admin.dkim import PublishedKey, make_keys
from merpati.platform import mta_sts
from merpati.platform.settings import Settings
from merpati.signing import public_record
from merpati_auth.dns_records import notes, records, zone

KEYS = [
    PublishedKey(key.selector, key.algorithm.value, public_record(key)[1])
    for key in make_keys("klinik.example", date(2026, 11, 24))
]


def settings(**changes: object) -> Settings:
    return Settings(myhostname="mail.klinik.example", **changes)  # type: ignore[arg-type]


def values(**changes: object) -> dict[tuple[str, str], str]:
    return {
        (item.name, item.type): item.value for item in records("klinik.example", KEYS, settings(**changes))
    }


def test_every_kind_of_record_is_there_with_its_purpose() -> None:
    found = values(public_imaps_port=993, public_submissions_port=465, public_pop3s_port=995)
    assert found[("klinik.example.", "MX")] == "10 mail.klinik.example."
    assert found[("klinik.example.", "TXT")] == "v=spf1 mx ~all"
    assert found[("_dmarc.klinik.example.", "TXT")].startswith("v=DMARC1; p=")
    assert found[("_imaps._tcp.klinik.example.", "SRV")] == "0 1 993 mail.klinik.example."
    assert found[("_imap._tcp.klinik.example.", "SRV")] == "10 1 2143 mail.klinik.example."
    assert found[("_submissions._tcp.klinik.example.", "SRV")] == "0 1 465 mail.klinik.example."
    assert found[("_pop3s._tcp.klinik.example.", "SRV")] == "0 1 995 mail.klinik.example."
    assert found[("_autodiscover._tcp.klinik.example.", "SRV")] == "0 1 443 mail.klinik.example."
    for name in ("autoconfig", "autodiscover", "mta-sts"):
        assert found[(f"{name}.klinik.example.", "CNAME")] == "mail.klinik.example."
    for key in KEYS:
        assert found[(f"{key.selector}._domainkey.klinik.example.", "TXT")] == key.record
    assert found[("_smtp._tls.klinik.example.", "TXT")].startswith("v=TLSRPTv1; rua=mailto:")
    assert ("mail.klinik.example.", "CAA") in found
    assert all(item.purpose.endswith((".", ")")) for item in records("klinik.example", KEYS, settings()))


def test_what_is_not_served_is_said_not_to_be() -> None:
    found = values(protocols="imap")
    assert (
        found[("_pop3s._tcp.klinik.example.", "SRV")]
        == found[("_pop3._tcp.klinik.example.", "SRV")]
        == "0 0 0 ."
    )
    assert found[("_imaps._tcp.klinik.example.", "SRV")] != "0 0 0 ."


def test_the_policy_s_id_changes_with_the_policy() -> None:
    ids = {mta_sts.policy_id(settings(mta_sts_mode=mode)) for mode in ("none", "testing", "enforce")}
    assert len(ids) == 3
    assert f"id={mta_sts.policy_id(settings())}" in values()[("_mta-sts.klinik.example.", "TXT")]


def test_the_zone_file_says_what_the_records_say() -> None:
    found = records("klinik.example", KEYS, settings())
    text = zone("klinik.example", found, notes(settings()))
    soa = "@ 3600 IN SOA ns.klinik.example. hostmaster.klinik.example. 1 1 1 1 1\n@ 3600 IN NS ns.klinik.example.\n"
    parsed = dns.zone.from_text(soa + text, origin="klinik.example.", relativize=False)
    for item in found:
        (record,) = [
            record for record in parsed.get_rdataset(item.name, item.type) or () if record is not None
        ]
        said = b"".join(record.strings).decode() if item.type == "TXT" else record.to_text()
        assert said == item.value
        assert item.type != "TXT" or max(map(len, record.strings)) <= 255


def test_records_of_another_zone_are_comments() -> None:
    here = settings(relayhost="[smtp.example.net]:587").model_copy(
        update={"myhostname": "mail.company.example"}
    )
    text = zone("klinik.example", records("klinik.example", KEYS, here), notes(here))
    assert "\n; mail.company.example. 3600 IN CAA" in text
    assert "relayhost" in text
