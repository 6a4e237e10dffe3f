"""The types of request fields: addresses, domains, texts, each with the error that its field gets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from merpati.directory import fold_address, fold_domain, fold_new_address, fold_new_domain
from merpati.platform.errors import Invalid


def _folded(fold: Callable[[str], str]) -> AfterValidator:
    def validate(value: str) -> str:
        try:
            return fold(value)
        except Invalid as error:
            raise PydanticCustomError("invalid", "{text}", {"text": str(error)}) from error

    return AfterValidator(validate)


_LONG = StringConstraints(max_length=320)
_PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"

Address = Annotated[str, _LONG, _folded(fold_address)]
"""Any mail address, here or elsewhere."""
OwnAddress = Annotated[str, _LONG, _folded(fold_new_address)]
"""An address in one of our domains."""
Domain = Annotated[str, _LONG, _folded(fold_domain)]
OwnDomain = Annotated[str, _LONG, _folded(fold_new_domain)]
Text = Annotated[str, StringConstraints(max_length=200, pattern=_PRINTABLE, strip_whitespace=True)]
"""One line for people to read."""
Name = Annotated[Text, StringConstraints(min_length=1)]
Search = Annotated[str, StringConstraints(max_length=320, pattern=_PRINTABLE)]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=1_024)]
"""A password as typed."""
Hash = Annotated[str, StringConstraints(min_length=1, max_length=1_024, pattern=r"^[\x21-\x7e]+$")]
Role = Literal["user", "postmaster"]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")]
Bytes = Annotated[int, Field(ge=0, le=2**53)]
Row = Annotated[int, Field(ge=1, le=2**63 - 1)]
"""The number of a row."""
