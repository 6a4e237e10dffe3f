"""`DIR/ready.json`: where everything is and how to log in; and the same for a person to read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from merpati_launcher.config import Config
from merpati_launcher.output import say
from merpati_launcher.record import write_atomically

Login = dict[str, str]
"""`address` and `password`."""


def path(data: Path) -> Path:
    return data / "ready.json"


def contents(
    config: Config, postmaster: Login, accounts: Sequence[Login], pids: Mapping[str, int]
) -> dict[str, Any]:
    """What ready.json says."""
    web = ("web", "api")
    places = {
        name: {"host": config.address, "port": port} for name, port in config.ports.items() if name not in web
    }
    return {
        **places,
        "web": url(config, "web"),
        "api": url(config, "api"),
        "ca": str(authority(config)),
        "postmaster": postmaster,
        "accounts": list(accounts),
        "pids": dict(pids),
    }


def write(data: Path, content: Mapping[str, Any]) -> None:
    write_atomically(path(data), json.dumps(content, indent=2) + "\n")


def url(config: Config, name: str) -> str:
    scheme = "https" if config.web_tls else "http"
    host = f"[{config.address}]" if ":" in config.address else config.address
    return f"{scheme}://{host}:{config.ports[name]}"


def authority(config: Config) -> Path:
    """The CA that clients must trust; a configured certificate chain takes its place."""
    return Path(config.setting("tls_certificate") or config.data / "tls" / "ca.pem")


def show(config: Config, content: Mapping[str, Any], seconds: float) -> None:
    """Tell a person how to get in."""
    host, ports = config.address, config.ports
    lines = [f"Merpati is ready after {seconds:.1f} s."]
    lines.append(f"  Webmail      {content['web']}")
    lines.append(f"  REST API     {content['api']}/api/v1")
    lines.append(f"  SMTP         {host}:{ports['smtp']} (from other servers)")
    lines.append(f"  Submission   {host}:{ports['submission']} STARTTLS, {ports['submissions']} TLS")
    for name, title in (("imap", "IMAP"), ("pop3", "POP3")):
        if name in ports:
            lines.append(f"  {title:<13}{host}:{ports[name]} STARTTLS, {ports[name + 's']} TLS")
    lines.append(f"  CA           {content['ca']}")
    lines.append(f"  Data         {config.data}")
    lines.append("Log in:")
    lines += [
        f"  {login['address']:<28} {login['password']}"
        for login in (content["postmaster"], *content["accounts"])
    ]
    lines.append(f"All of this is in {path(config.data)}.")
    say("\n".join(lines))
