"""Files in the form of /etc/aliases."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from merpati_auth.aliases_file import is_address, parse

FILE = """\
# See man 5 aliases
postmaster:    root
root: tito, iqbal@example.com
  , sari@klinik.example
"odd name": tito
hooks: "|/usr/bin/procmail -d", /var/log/mail.txt
list: :include:/etc/mail/list
Root2 : tito
empty:
not an entry
"""


def test_names_values_comments_and_continuations() -> None:
    assert parse(FILE) == {
        "postmaster": ["root"],
        "root": ["tito", "iqbal@example.com", "sari@klinik.example"],
        "odd name": ["tito"],
        "hooks": ["|/usr/bin/procmail -d", "/var/log/mail.txt"],
        "list": [":include:/etc/mail/list"],
        "root2": ["tito"],
        "empty": [],
    }


def test_what_names_nobody() -> None:
    values = ["tito", "a@b.example", "|/bin/true", "/var/mail/x", ":include:/x"]
    assert [is_address(value) for value in values] == [True, True, False, False, False]


@given(st.text())
def test_any_text_parses(text: str) -> None:
    parse(text)
