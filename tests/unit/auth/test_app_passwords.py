"""The form of app passwords."""

from __future__ import annotations

from merpati_auth import app_passwords


def test_generated_ones_differ_and_survive_being_retyped() -> None:
    generated = {app_passwords.generate() for _ in range(100)}
    assert len(generated) == 100
    for password in generated:
        plain = app_passwords.plain(password)
        assert plain is not None and len(plain) == 20
        assert app_passwords.plain(password.upper().replace("-", " ")) == plain


def test_other_passwords_are_none() -> None:
    for password in ("", "rahasia", "kq3fp-zm8wd-tr2xn-bv7h", "kq3fp-zm8wd-tr2xn-bv7hl", "x" * 1_000):
        assert app_passwords.plain(password) is None
