"""Every setting of Merpati: `MERPATI_*` in the environment, then `merpati.env` in the data directory."""

from __future__ import annotations

import os
import socket
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal

from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from merpati.platform.errors import Invalid


class Settings(BaseSettings):
    """The settings of one process. Sizes are bytes, times are seconds, lists are separated by spaces or commas."""

    model_config = SettingsConfigDict(env_prefix="MERPATI_", extra="ignore", populate_by_name=True)

    # Where things are
    data: Path = Field(
        Path("data"), description="The data directory: secrets, sockets, logs, and the embedded database."
    )
    mail_location: str = Field(
        "",
        description="Dovecot's `mail_location`: the mail volume, as a path or `maildir:` and a path. Empty: `mail` in the data directory.",
    )
    home_mailbox: str = Field(
        "Maildir", description="Postfix's `home_mailbox`: the Maildir's name in an account's folder."
    )
    database_host: str = Field(
        "", description="Postgres: host name, or the directory of its socket. Empty: the embedded one."
    )
    database_port: int = Field(5432, description="Postgres: port.")
    database_name: str = Field("merpati", description="Postgres: database name.")
    database_timeout: float = Field(
        3.0,
        description="How long a request waits for a database connection before it answers with a temporary error.",
    )
    redis_url: str = Field(
        "", description="Redis or Valkey: `redis://host:port/0` or `unix:///path`. Empty: the embedded one."
    )
    auth_url: str = Field(
        "",
        description="The auth service's internal address: `http://host:port` or `unix:/path`. Empty: its socket in the data directory.",
    )
    log_level: str = Field("info", description="debug, info, warning or error.")

    # Who we are
    myhostname: str = Field(
        "",
        description="Postfix's `myhostname`: the name in greetings, EHLO and Received. Empty: the machine's name.",
    )
    mydestination: str = Field(
        "",
        description="Postfix's `mydestination`: domains made at the first start; afterwards domains are data (`merpati domain`).",
    )
    alias_maps: str = Field(
        "",
        description="Postfix's `alias_maps`: a file in the form of /etc/aliases, read into the directory at the first start.",
    )
    postmaster_address: str = Field(
        "",
        description="The first administrator. Empty: `postmaster@` and `myhostname`, without a mailbox. Otherwise its domain and mailbox are made at the first start.",
    )

    # Listening
    host: str = Field(
        "127.0.0.1",
        validation_alias=AliasChoices("MERPATI_HOST", "MERPATI_INET_INTERFACES", "MERPATI_LISTEN"),
        description="The addresses that services listen on; `*` is all. Postfix's `inet_interfaces` and Dovecot's `listen`: `MERPATI_INET_INTERFACES` and `MERPATI_LISTEN` are read too.",
    )
    inet_protocols: Literal["all", "ipv4", "ipv6"] = Field(
        "all", description="Postfix's `inet_protocols`: the IP versions used for listening and sending."
    )
    protocols: str = Field(
        "imap pop3", description="Dovecot's `protocols`: which of imap and pop3 are served."
    )
    smtp_port: int = Field(2525, description="SMTP from other servers (25 on a droplet).")
    submission_port: int = Field(2587, description="Submission with STARTTLS (587).")
    submissions_port: int = Field(2465, description="Submission over TLS (465).")
    imap_port: int = Field(2143, description="IMAP with STARTTLS (143).")
    imaps_port: int = Field(2993, description="IMAP over TLS (993).")
    pop3_port: int = Field(2110, description="POP3 with STLS (110).")
    pop3s_port: int = Field(2995, description="POP3 over TLS (995).")
    web_port: int = Field(8080, description="Webmail, and the REST API under /api.")
    api_port: int = Field(8081, description="The REST API.")
    public_imap_port: int = Field(
        0, description="The port at which clients reach `imap_port` from outside. 0: the same."
    )
    public_imaps_port: int = Field(
        0, description="The port at which clients reach `imaps_port` from outside. 0: the same."
    )
    public_pop3_port: int = Field(
        0, description="The port at which clients reach `pop3_port` from outside. 0: the same."
    )
    public_pop3s_port: int = Field(
        0, description="The port at which clients reach `pop3s_port` from outside. 0: the same."
    )
    public_submission_port: int = Field(
        0, description="The port at which clients reach `submission_port` from outside. 0: the same."
    )
    public_submissions_port: int = Field(
        0, description="The port at which clients reach `submissions_port` from outside. 0: the same."
    )
    web_tls: bool = Field(
        False, description="Whether web and REST speak HTTPS themselves; set by `merpati up --host`."
    )
    tls_certificate: str = Field(
        "",
        description="PEM certificate chain. Empty: one made by `init`, signed by the CA in the data directory. Renewals are picked up without a restart.",
    )
    tls_key: str = Field("", description="PEM key of `tls_certificate`.")
    tls_storage: str = Field(
        "",
        description="Caddy's data directory: its certificate for `myhostname` is used as soon as there is one, and each renewal.",
    )
    trusted_proxies: str = Field(
        "",
        description="Networks of the reverse proxies in front of the web pages, whose X-Forwarded-For is believed. Empty: none.",
    )

    # Logging in
    disable_plaintext_auth: bool = Field(
        True, description="Dovecot's `disable_plaintext_auth`: no password over an unencrypted connection."
    )
    auth_mechanisms: str = Field("plain login", description="Dovecot's `auth_mechanisms` offered to clients.")
    auth_cache_ttl: float = Field(60.0, description="How long a right password is remembered by a service.")
    auth_negative_ttl: float = Field(5.0, description="How long a wrong password is remembered by a service.")
    auth_failures_per_account: int = Field(
        20,
        description="Distinct wrong passwords for one account from one network in ten minutes before it must wait.",
    )
    auth_failures_per_address: int = Field(
        100,
        description="Distinct wrong passwords from one client address in ten minutes before it must wait.",
    )
    api_token_lifetime: int = Field(43_200, description="How long a token of the REST API is valid.")
    session_lifetime: int = Field(1_209_600, description="How long a browser stays logged in.")
    session_idle: int = Field(
        259_200, description="How long a browser that asks for nothing stays logged in."
    )

    # Mail
    recipient_delimiter: str = Field(
        "+",
        description="Postfix's `recipient_delimiter`: user+detail@domain reaches user@domain. Empty: off.",
    )
    mailbox_size_limit: int = Field(
        5 * 1024**3,
        description="Postfix's `mailbox_size_limit`: quota of accounts that have none of their own; 0 is unlimited.",
    )
    quota_grace: int = Field(
        10 * 1024**2, description="How far above its quota a delivery may take a mailbox."
    )
    quota_full_permanent: bool = Field(
        False, description="Answer 552 5.2.2 for a full mailbox instead of 452 4.2.2."
    )
    message_size_limit: int = Field(50 * 1024**2, description="Postfix's `message_size_limit`.")
    expunge_grace: int = Field(30 * 86_400, description="How long an expunged message's file is kept.")
    adopt_after: int = Field(
        3_600, description="Age at which a file without a row is adopted into the folder it lies in."
    )
    change_log_retention: int = Field(7 * 86_400, description="How long the change log of mailboxes is kept.")
    event_retention: int = Field(30 * 86_400, description="How long mail_events (`merpati trace`) are kept.")
    sweep_interval: float = Field(
        5.0, description="How often Postgres is asked for work whose ring was lost."
    )
    disk_floor: int = Field(
        256 * 1024**2,
        description="Free disk below which mail is refused with 452 4.3.1 (or 2% of the disk, if larger).",
    )
    disk_floor_percent: float = Field(2.0, description="See `disk_floor`.")
    file_sync: Literal["fsync", "syncfs"] = Field(
        "fsync", description="How a batch of files is made durable."
    )

    # SMTP
    mynetworks: str = Field(
        "",
        description="Postfix's `mynetworks`: networks that may relay without logging in (a scanner on the LAN). Empty: none, not even loopback.",
    )
    smtp_timeout: float = Field(300.0, description="How long a silent SMTP client is kept.")
    smtp_data_timeout: float = Field(1_800.0, description="How long the transfer of one message may take.")
    smtp_recipient_limit: int = Field(1_000, description="Recipients in one transaction.")
    smtp_error_limit: int = Field(20, description="Errors after which a client is disconnected.")
    smtp_connection_limit: int = Field(1_000, description="Connections in all.")
    smtp_client_connection_limit: int = Field(50, description="Connections from one address.")
    smtp_client_rate: int = Field(600, description="Messages from one address in a minute; 0 is unlimited.")
    smtp_stray_line_ends: Literal["normalize", "refuse"] = Field(
        "normalize", description="What happens to a CR or LF that stands alone in a message."
    )
    hopcount_limit: int = Field(50, description="Received lines above which a message is a loop.")
    submission_rate: int = Field(
        1_000, description="Recipients an account may send to in a day; 0 is unlimited."
    )

    # Sending
    relayhost: str = Field(
        "", description="Postfix's `relayhost`: all outgoing mail goes to [host]:port, or to the MX of host."
    )
    relayhost_username: str = Field("", description="Login at the relayhost.")
    relayhost_password: str = Field(
        "", description="Password at the relayhost.", json_schema_extra={"secret": True}
    )
    relayhost_tls: Literal["verify", "encrypt", "none"] = Field(
        "verify",
        description="TLS to a relayhost with a login: its certificate is verified, or only encrypted, or (none) the password goes in the clear.",
    )
    dns_server: str = Field("", description="host:port of the DNS server to ask. Empty: the machine's.")
    smtp_out_port: int = Field(25, description="Port on which other servers are reached.")
    smtp_out_tls: Literal["opportunistic", "none"] = Field(
        "opportunistic", description="TLS to other servers."
    )
    smtp_out_connect_timeout: float = Field(
        30.0, description="How long a connection or TLS handshake to another server may take."
    )
    smtp_out_timeout: float = Field(
        300.0, description="How long another server's reply is waited for; twice as long after a message."
    )
    mta_sts_mode: Literal["none", "testing", "enforce"] = Field(
        "testing",
        description="The MTA-STS policy's mode: whether other servers refuse to send to us without verified TLS (enforce) or only report it.",
    )
    outgoing: Literal["on", "off"] = Field(
        "on",
        description="off: mail to other domains bounces and says so (the demo without DNS or relayhost).",
    )
    queue_minimal_backoff: float = Field(
        300.0, description="Postfix's `minimal_backoff_time`: the first wait after a temporary failure."
    )
    queue_maximal_backoff: float = Field(4_000.0, description="Postfix's `maximal_backoff_time`.")
    queue_lifetime: float = Field(5 * 86_400.0, description="Postfix's `maximal_queue_lifetime`.")
    queue_lease: float = Field(120.0, description="How long a claim lives without a heartbeat.")
    destination_concurrency: int = Field(5, description="Connections to one destination.")
    outbound_connections: int = Field(50, description="Outgoing connections in all.")

    # IMAP and POP3
    imap_idle_timeout: float = Field(
        1_860.0, description="How long a silent IMAP client is kept (RFC 9051 5.4: at least 30 minutes)."
    )
    pop3_idle_timeout: float = Field(
        600.0, description="How long a silent POP3 client is kept (RFC 1939: at least 10 minutes)."
    )
    login_timeout: float = Field(60.0, description="How long a client may take to log in.")
    mail_connection_limit: int = Field(10_000, description="IMAP and POP3 connections in all.")
    mail_client_connection_limit: int = Field(
        1_000, description="IMAP and POP3 connections from one address."
    )
    append_limit: int = Field(50 * 1024**2, description="The largest message that APPEND takes.")

    @field_validator("myhostname")
    @classmethod
    def _hostname(cls, value: str) -> str:
        return value or socket.getfqdn().lower() or "localhost"

    @field_validator("mail_location")
    @classmethod
    def _volume(cls, value: str) -> str:
        """Dovecot's `maildir:` is understood; its patterns of one user's folder are not ours to choose."""
        path = value.removeprefix("maildir:")
        if path and (not path.startswith("/") or ":" in path or "%" in path):
            raise ValueError("name the absolute path of the whole volume, without options, ~ or %")
        return path

    @field_validator("mynetworks")
    @classmethod
    def _networks(cls, value: str) -> str:
        """Looked at when the service starts, not when the first client comes."""
        _parse_networks(value)
        return value

    @cached_property
    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """`mynetworks`, parsed."""
        return _parse_networks(self.mynetworks)

    @property
    def run_dir(self) -> Path:
        """Sockets and pids of the running services."""
        return self.data / "run"

    @property
    def secrets_dir(self) -> Path:
        """Secrets made by `init`, each a file of mode 0600."""
        return self.data / "secrets"

    @property
    def mail_root(self) -> Path:
        """The Maildir volume: `accounts/` and `spool/`."""
        return Path(self.mail_location) if self.mail_location else self.data / "mail"

    @property
    def auth_endpoint(self) -> str:
        return self.auth_url or f"unix:{self.run_dir / 'auth.sock'}"

    @property
    def redis_endpoint(self) -> str:
        return self.redis_url or f"unix://{self.run_dir / 'valkey' / 'valkey.sock'}"

    @property
    def database_endpoint(self) -> str:
        return self.database_host or str(self.run_dir / "postgres")

    def secret(self, name: str) -> str:
        """The secret `name` that `init` made.

        Raises `FileNotFoundError` where `init` has not run.
        """
        return (self.secrets_dir / name).read_text().strip()


def _parse_networks(value: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Postfix's form: `10.0.0.0/8, [2001:db8::]/32`."""
    return tuple(ip_network(item.replace("[", "").replace("]", ""), strict=False) for item in words(value))


def words(value: str) -> list[str]:
    """Split a list setting at spaces and commas."""
    return value.replace(",", " ").split()


def load(**overrides: Any) -> Settings:
    """Read the settings: overrides, then the environment, then `merpati.env` in the data directory.

    Raises `Invalid`, which names each wrong setting and what is wrong with it in one line.
    """
    data = Path(overrides.get("data") or os.environ.get("MERPATI_DATA") or "data").absolute()
    try:
        return Settings(_env_file=data / "merpati.env", **{**overrides, "data": data})  # type: ignore[call-arg]
    except ValidationError as error:
        raise Invalid("; ".join(map(_complaint, error.errors()))) from error


def _complaint(error: ErrorDetails) -> str:
    name = str(error["loc"][0]).upper().removeprefix("MERPATI_")
    text = error["msg"].removeprefix("Value error, ")
    return f"MERPATI_{name}: {text[:1].lower()}{text[1:]}"


if __name__ == "__main__":
    from merpati.platform.settings_page import page

    print(page(), end="")
