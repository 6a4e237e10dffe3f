"""Mail programs set themselves up, and nobody learns from it who exists."""

from __future__ import annotations

import plistlib
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from merpati.platform.errors import Invalid
from merpati.platform.settings import Settings
from merpati_webmail.client_setup import account_of, apple, outlook
from tests.office import Office, Visitor

Hire = Callable[[], str]
RESPONSE = "{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}"
REQUEST = (
    '<?xml version="1.0"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/'
    'requestschema/2006"><Request><EMailAddress>%s</EMailAddress><AcceptableResponseSchema>x'
    "</AcceptableResponseSchema></Request></Autodiscover>"
)


def servers(document: str) -> set[tuple[str, str, str, str]]:
    root = ET.fromstring(document)
    assert root.attrib == {"version": "1.1"}
    return {
        tuple(server.findtext(name) or "" for name in ("hostname", "port", "socketType", "username"))  # type: ignore[misc]
        for server in root.iter()
        if server.tag in ("incomingServer", "outgoingServer")
    }


@pytest.mark.parametrize("path", ["/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml"])
def test_thunderbird(office: Office, visitor: Visitor, hire: Hire, path: str) -> None:
    known = visitor.get(path, params={"emailaddress": hire()})
    assert known.status_code == 200
    assert known.headers["content-type"].startswith("application/xml")
    here, settings = office.settings.myhostname, office.settings
    found = servers(known.text)
    assert (here, str(settings.imaps_port), "SSL", "%EMAILADDRESS%") in found
    assert (here, str(settings.submission_port), "STARTTLS", "%EMAILADDRESS%") in found
    assert len(found) == 6
    assert visitor.get(path, params={"emailaddress": "nobody@example.com"}).text == known.text
    assert visitor.get(path, headers={"Host": "autoconfig.example.com"}).text == known.text
    assert visitor.get(path, params={"emailaddress": "x@elsewhere.example"}).status_code == 404
    assert visitor.get(path, params={"emailaddress": '"><x>@' + "a" * 5_000}).status_code == 404


@pytest.mark.parametrize("path", ["/autodiscover/autodiscover.xml", "/AutoDiscover/AutoDiscover.XML"])
def test_outlook_version_1(office: Office, visitor: Visitor, hire: Hire, path: str) -> None:
    address = hire()
    answer = visitor.post(path, content=REQUEST % address)
    protocols = ET.fromstring(answer.text).findall(f".//{RESPONSE}Protocol")
    found = {item.findtext(f"{RESPONSE}Type"): item for item in protocols}
    assert set(found) == {"IMAP", "POP3", "SMTP"}
    assert found["IMAP"].findtext(f"{RESPONSE}Server") == office.settings.myhostname
    assert found["IMAP"].findtext(f"{RESPONSE}Port") == str(office.settings.imaps_port)
    assert found["SMTP"].findtext(f"{RESPONSE}LoginName") == address
    unknown = visitor.post(path, content=REQUEST % "nobody@example.com")
    assert unknown.text.replace("nobody@example.com", address) == answer.text


@pytest.mark.parametrize(
    "request_",
    [b"", b"\xff\x00", REQUEST % "x@elsewhere.example", REQUEST % "&bomb;", "<EMailAddress>" * 2_000],
    ids=["empty", "binary", "another domain", "entity", "nested"],
)
def test_outlook_is_told_what_is_no_request(visitor: Visitor, request_: bytes | str) -> None:
    answer = visitor.post("/autodiscover/autodiscover.xml", content=request_)
    assert "<ErrorCode>600</ErrorCode>" in answer.text
    assert visitor.post("/autodiscover/autodiscover.xml", content=b"x" * 100_000).status_code == 413


def test_outlook_version_2_points_to_version_1(office: Office, visitor: Visitor) -> None:
    pointer = {
        "Protocol": "AutodiscoverV1",
        "Url": f"https://{office.settings.myhostname}/autodiscover/autodiscover.xml",
    }
    query = {"Email": "nobody@example.com", "Protocol": "AutodiscoverV1"}
    assert visitor.get("/autodiscover/autodiscover.json", params=query).json() == pointer
    assert (
        visitor.get(
            "/Autodiscover/Autodiscover.json/v1.0/nobody@example.com", params={"Protocol": "AutodiscoverV1"}
        ).json()
        == pointer
    )
    other = visitor.get("/autodiscover/autodiscover.json", params={**query, "Protocol": "ActiveSync"})
    assert (other.status_code, other.json()["ErrorCode"]) == (400, "InvalidProtocol")
    foreign = visitor.get("/autodiscover/autodiscover.json", params={**query, "Email": "x@elsewhere.example"})
    assert foreign.status_code == 404


def test_apple_s_profile_is_the_same_each_time(office: Office, visitor: Visitor, hire: Hire) -> None:
    address = hire()
    first, again, other = (
        visitor.get("/apple/mail.mobileconfig", params={"emailaddress": name})
        for name in (address, address.upper(), "nobody@example.com")
    )
    assert first.headers["content-type"] == "application/x-apple-aspen-config"
    assert first.content == again.content
    profile, stranger = plistlib.loads(first.content), plistlib.loads(other.content)
    (mail,) = profile["PayloadContent"]
    assert mail["PayloadType"] == "com.apple.mail.managed"
    assert (mail["EmailAddress"], mail["IncomingMailServerUsername"]) == (address, address)
    assert mail["IncomingMailServerPortNumber"] == office.settings.imaps_port
    assert mail["OutgoingMailServerPortNumber"] == office.settings.submissions_port
    assert len({profile["PayloadUUID"], mail["PayloadUUID"], stranger["PayloadUUID"]}) == 3
    assert visitor.get("/apple/mail.mobileconfig", params={"emailaddress": "x@y.example"}).status_code == 404


def test_the_mta_sts_policy_stands_under_its_own_name_only(office: Office, visitor: Visitor) -> None:
    answer = visitor.get("/.well-known/mta-sts.txt", headers={"Host": "mta-sts.example.com:443"})
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.split("\r\n")[:3] == [
        "version: STSv1",
        "mode: testing",
        f"mx: {office.settings.myhostname}",
    ]
    for host in ("example.com", "mta-sts.elsewhere.example", "mta-sts."):
        assert visitor.get("/.well-known/mta-sts.txt", headers={"Host": host}).status_code == 404


# The documents themselves

HERE = Settings(myhostname="mail.klinik.example", public_imaps_port=993, protocols="imap")


def test_ports_are_those_the_world_sees_and_letters_are_escaped() -> None:
    account = account_of("O'Neil&Co@Klinik.Example", HERE)
    document = outlook.settings(account)
    root = ET.fromstring(document)
    assert [item.text for item in root.iter(f"{RESPONSE}LoginName")] == ["o'neil&co@klinik.example"] * 2
    assert [item.text for item in root.iter(f"{RESPONSE}Port")] == ["993", "2465"]
    assert apple.profile(account) is not None


def test_without_a_way_to_read_mail_there_is_no_profile() -> None:
    assert (
        apple.profile(account_of("a@klinik.example", Settings(myhostname="m.example", protocols=""))) is None
    )


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "a@",
        "@b",
        "a@b@c.example",
        "<a@b.example>",
        "a\x00@b.example",
        "a" * 70 + "@b.example",
        "a@\ud800.example",
    ],
)
def test_what_is_no_plain_address_is_refused(address: str) -> None:
    with pytest.raises(Invalid):
        account_of(address, HERE)
