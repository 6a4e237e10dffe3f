"""Every way an outgoing delivery can fail, as a sentence and a status (RFC 3463) for its sender."""

from __future__ import annotations

from merpati.queue import Failure
from merpati_smtp.outbound.replies import Reply


def refused(reply: Reply, remote: str, what: str) -> Failure:
    """The server said no; `what` names to which part."""
    kind = "refused" if reply.permanent else "put off"
    return Failure(reply.status, f"The mail server {remote} {kind} {what}.", reply.text, remote)


def lost(remote: str) -> Failure:
    return Failure("4.4.2", f"The connection to the mail server {remote} broke.", None, remote)


def unreachable(domain: str, details: list[str]) -> Failure:
    tried = "; ".join(details[:5])
    return Failure("4.4.1", f"No mail server of {domain} could be reached ({tried}).")


def not_smtp(remote: str, detail: str) -> Failure:
    return Failure("4.5.0", f"The server {remote} did not speak SMTP ({detail}).", None, remote)


def no_such_domain(domain: str) -> Failure:
    return Failure("5.1.2", f"The domain {domain} does not exist.")


def no_address(domain: str) -> Failure:
    return Failure("5.4.4", f"The domain {domain} has no mail server: its names have no address.")


def null_mx(domain: str) -> Failure:
    return Failure("5.1.10", f"The domain {domain} says that it takes no mail at all (null MX).")


def dns_unavailable(domain: str, detail: str) -> Failure:
    return Failure("4.4.3", f"The DNS did not say where mail for {domain} goes ({detail}).")


def loops_to_us(domain: str) -> Failure:
    return Failure(
        "5.4.6",
        f"Mail for {domain} would come back to this server, which is not set up to keep mail for that domain.",
    )


def outgoing_is_off() -> Failure:
    return Failure(
        "5.3.2", "This server is set up not to send mail to other domains (the setting `outgoing` is off)."
    )


def too_large(remote: str, limit: int) -> Failure:
    return Failure("5.3.4", f"The mail server {remote} takes messages of up to {limit} octets.", None, remote)


def needs_smtputf8(remote: str) -> Failure:
    return Failure(
        "5.6.7", f"The mail server {remote} can't take addresses with letters outside ASCII.", None, remote
    )


def unconvertible(remote: str) -> Failure:
    return Failure(
        "5.6.3",
        f"The mail server {remote} takes only 7-bit mail, and this message is too badly formed to be converted.",
        None,
        remote,
    )


def bad_address() -> Failure:
    return Failure("5.1.3", "The address has characters that no address can have.")


def unreadable() -> Failure:
    return Failure("4.3.0", "The message could not be read from this server's spool.")


def no_login(reply: Reply, remote: str) -> Failure:
    """A wrong password at the relayhost is for the postmaster to repair: the mail waits."""
    return Failure("4.7.8", f"The relayhost {remote} did not let this server log in.", reply.text, remote)


def no_relay(host: str, why: Failure) -> Failure:
    """The relayhost can't be found: for now, whatever the reason."""
    return Failure("4.4.4", f"The relayhost {host} of this server could not be found. {why.reason}")


def unsigned(detail: str) -> Failure:
    """Other servers would take it for a forgery: it waits until it can be signed."""
    return Failure("4.7.0", f"This server could not sign the message for its domain now ({detail}).")


# Deliveries here


def unknown_here(address: str) -> Failure:
    return Failure("5.1.1", f"Nobody here has the address {address} any more.")


def mailbox_full(permanent: bool) -> Failure:
    return Failure("5.2.2" if permanent else "4.2.2", "The mailbox is full.")


def looped_here() -> Failure:
    return Failure("5.4.6", "The message has been here before: it goes in a circle.")


def unavailable_here(detail: str) -> Failure:
    return Failure("4.3.0", f"This server could not store the message now ({detail}).")


def disabled_here(address: str) -> Failure:
    return Failure("4.2.1", f"The address {address} takes no mail at the moment.")
