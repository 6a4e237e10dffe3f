"""Every transcript, once sent in whole pieces and once octet by octet."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.protocol import transcript
from tests.protocol.runner import replay
from tests.protocol.services import SERVICES
from tests.protocol.world import World

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*/*.txt"))


@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "bytewise"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HERE).with_suffix("")))
async def test_transcript(path: Path, bytewise: bool, world: World) -> None:
    script = transcript.read(path)
    await world.set_up(script.setup)
    async with SERVICES[script.service](world) as port:
        await replay(script, port, bytewise=bytewise, ca=str(world.settings.data / "tls" / "ca.pem"))


@pytest.mark.parametrize("name", ["fetch", "seen", "several-sessions"])
async def test_large_messages_are_told_like_small_ones(
    name: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way of large messages, which are sent from the file in pieces, taken by all."""
    monkeypatch.setattr("merpati_imap_pop.imap.commands.fetching.BIG", 1)
    await test_transcript(HERE / "imap" / f"{name}.txt", False, world)
