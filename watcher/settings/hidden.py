"""
Secrets as they are used: read out in one place, and listed for whatever must not show them.

Rule: nothing here is kept, logged or shown. What counts as a secret is what the models say is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import BaseModel, SecretStr

PIECE_LENGTH_MIN = 12
"""A shorter piece of a secret could be any word."""


def told(secret: SecretStr | None) -> str:
    """Return a secret that the loader has made sure of."""
    assert secret is not None, "the loader asks for it"
    return secret.get_secret_value().strip()


def secrets_of(table: BaseModel) -> Iterator[str]:
    """Yield every secret in *table* and the tables in it, for redaction."""
    for value in vars(table).values():
        for one in value.values() if isinstance(value, dict) else (value,):
            if isinstance(one, SecretStr):
                yield from (told(one), *_pieces(told(one)))
            elif isinstance(one, BaseModel):
                yield from secrets_of(one)


def _pieces(secret: str) -> Iterator[str]:
    """Yield what gives a secret away by itself: the lines of a key, the parts of an address."""
    parts: list[str] = []
    if "PRIVATE KEY" in secret:
        parts = re.split(r"\s|\\n", secret)
    elif "://" in secret:
        parts = re.split(r"[/:@?&=#,]", secret)
    yield from (part for part in parts if len(part) >= PIECE_LENGTH_MIN and "--" not in part)
