"""
Secrets as they are used: read out in one place, and listed for whatever must not show them.

Rule: nothing here is kept, logged or shown. What counts as a secret is what the models say is one.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, SecretStr


def told(secret: SecretStr | None) -> str:
    """Return a secret that the loader has made sure of."""
    assert secret is not None, "the loader asks for it"
    return secret.get_secret_value().strip()


def secrets_of(table: BaseModel) -> Iterator[str]:
    """Yield every secret in *table* and the tables in it, for redaction."""
    for value in vars(table).values():
        for one in value.values() if isinstance(value, dict) else (value,):
            if isinstance(one, SecretStr):
                yield told(one)
            elif isinstance(one, BaseModel):
                yield from secrets_of(one)
