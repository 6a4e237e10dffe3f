"""A renewed certificate is used by the next handshake, without a restart."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from pathlib import Path

import trustme

from merpati.platform.settings import Settings
from merpati.platform.tls import certificate_paths, server_context, watch_certificate


async def serial(port: int, ca: trustme.CA) -> bytes:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    _, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname="mail.example.com"
    )
    certificate: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return certificate


async def test_a_renewal_is_picked_up(settings: Settings, tmp_path: Path) -> None:
    ca = trustme.CA()
    live = tmp_path / "live.pem"

    def renew() -> None:
        ca.issue_cert("mail.example.com").private_key_and_cert_chain_pem.write_to_path(
            str(tmp_path / "next.pem")
        )
        shutil.move(tmp_path / "next.pem", live)

    renew()
    settings = settings.model_copy(update={"tls_certificate": str(live)})
    context = server_context(settings)
    watching = asyncio.create_task(watch_certificate(context, settings, interval=0.05))
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    first = await serial(port, ca)
    await asyncio.sleep(0)
    live.write_text("half written")
    await asyncio.sleep(0.2)
    assert await serial(port, ca) == first, "a broken file leaves the old certificate in use"
    renew()
    async with asyncio.timeout(10):
        while await serial(port, ca) == first:
            await asyncio.sleep(0.05)
    watching.cancel()
    server.close()


def test_an_acme_certificate_is_used_as_soon_as_there_is_one(settings: Settings, tmp_path: Path) -> None:
    settings = settings.model_copy(update={"tls_storage": str(tmp_path)})
    own = certificate_paths(settings)
    assert own[0].parent == settings.data / "tls"

    def obtain(issuer: str, name: str) -> Path:
        folder = tmp_path / "certificates" / issuer / name
        folder.mkdir(parents=True)
        (folder / f"{name}.crt").write_text("certificate")
        assert certificate_paths(settings) == own, "not without its key"
        (folder / f"{name}.key").write_text("key")
        return folder / f"{name}.crt"

    obtain("local", "mail.example.com")
    obtain("acme-v02", "www.example.com")
    assert certificate_paths(settings) == own
    path = obtain("acme-v02", "mail.example.com")
    assert certificate_paths(settings) == (path, path.with_suffix(".key"))
