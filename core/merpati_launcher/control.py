"""`merpati down` and `merpati status`: a running Merpati found by its data directory."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from merpati_launcher import ready
from merpati_launcher.output import say
from merpati_launcher.record import Record, is_alive, send, wait_gone


def down(data: Path) -> int:
    """Stop what runs on `data`, gracefully; that nothing runs is no error."""
    record = Record.read(data)
    if record is None or not record.running:
        say(f"Merpati is not running on {data}.")
        return 0
    send(record.launcher, signal.SIGTERM)
    if wait_gone([record.launcher], 120):
        say(
            f"Merpati (pid {record.launcher[0]}) is still stopping; its log is {data / 'log' / 'launcher.log'}"
        )
        return 1
    say("Merpati is stopped.")
    return 0


def status(data: Path) -> int:
    """Say what runs; the exit code is 0 where everything does."""
    record = Record.read(data)
    if record is None or not record.running:
        say(f"Merpati is not running on {data}.")
        return 1
    try:
        content = json.loads(ready.path(data).read_text())
    except FileNotFoundError:
        content = None
    say(
        f"Merpati is {'running' if content else 'starting or stopping'} on {data} (pid {record.launcher[0]})."
    )
    all_alive = True
    for name, process in record.children.items():
        alive = is_alive(process)
        all_alive &= alive
        say(f"  {name:<10} {'pid ' + str(process[0]) if alive else 'down, being started again'}")
    if content:
        say(f"  webmail {content['web']}, REST API {content['api']}, details in {ready.path(data)}")
    return 0 if content and all_alive else 1
