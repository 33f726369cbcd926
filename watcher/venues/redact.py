"""
Take out of a venue's answers what says whose account it is.

Rule: amounts, prices, symbols, modes and times stay, because they are what a report is about.
What could name a person, a key, an order or an address goes, and the same value becomes the same
stand-in everywhere, so that answers still fit together. Three nets, each enough for most: the
secrets of this account wherever they stand, fields by their name, texts by their look. An empty
field stays empty: whether something was there at all is often what a reader stumbles over.

Only answers to signed requests say anything about an account; of the public ones only the secrets
are taken out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

NOTHING = frozenset(("", "0", "-1", "*", "none", "null"))
"""Texts of an identifying field that identify nobody."""

KEPT = frozenset(
    ("instid", "groupid", "riskid", "tierid", "bid", "bestbid", "valid", "paid", "grid", "isvalid")
)
"""Names that end like an identifier and are none: instruments, fee groups, brackets, prices."""

EXACT = frozenset(("ip", "ips", "id", "ids", "note", "label", "name", "tag", "uids", "accountno"))
WITHIN = (
    "address", "affiliate", "alias", "apikey", "country", "cursor", "email", "kyc", "memo",
    "mobile", "nick", "passphrase", "phone", "referr", "region", "remark", "secret", "token",
    "username",
)  # fmt: skip

LOOKS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("mail", re.compile(r"\S+@\S+\.\w+")),
    ("uuid", re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")),
    ("chain", re.compile(r"0x[0-9A-Fa-f]{16,}")),
    ("ip", re.compile(r"(^|[^\d.])\d{1,3}(\.\d{1,3}){3}($|[^\d.])|[0-9A-Fa-f]*:[0-9A-Fa-f:]+:")),
    ("words", re.compile(r"[^\x21-\x7e]")),
    ("key", re.compile(r"(?=.*\d)(?=.*[A-Za-z])[0-9A-Za-z+/_=-]{20,}")),
)
INSTRUMENT = re.compile(r"[A-Z0-9]+([-_][A-Z0-9.]+)+")
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ][\d:.]+(Z|[+-]\d\d:?\d\d)?")
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")

AUTH = frozenset(("signature", "timestamp", "recvWindow", "apiKey"))
"""What ccxt adds to a query to sign it; never written down."""


class Redactor:
    """One capture's stand-ins. `replaced` counts the values that got one, by kind."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = sorted((one for one in secrets if one), key=len, reverse=True)
        self._known: dict[str, str] = {}
        self.replaced: Counter[str] = Counter()

    def body(self, value: object, *, signed: bool) -> object:
        """Return *value*, a JSON value of an answer, without what identifies."""
        return self._value(value, "", signed=signed)

    def query(self, query: Mapping[str, str], *, signed: bool) -> dict[str, str]:
        """Return a request's parameters, sorted, without what signs it."""
        return {
            name: str(self._value(value, name, signed=signed))
            for name, value in sorted(query.items())
            if name not in AUTH
        }

    def _value(self, value: object, key: str, *, signed: bool) -> object:
        if isinstance(value, dict):
            return {
                self._text(name, "", signed=signed): self._value(inner, name, signed=signed)
                for name, inner in value.items()
            }
        if isinstance(value, list):
            return [self._value(inner, key, signed=signed) for inner in value]
        if isinstance(value, str):
            return self._text(value, key, signed=signed)
        if isinstance(value, int) and not isinstance(value, bool) and signed and _names(key):
            return int(self._stand_in(str(value), "number")) if value > 0 else value
        return value

    def _text(self, text: str, key: str, *, signed: bool) -> str:
        if any(secret in text for secret in self._secrets):
            return self._stand_in(text, "secret")
        if not signed or text.lower() in NOTHING:
            return text
        if text in self._known:
            return self._known[text]
        if _names(key):
            return self._listed(text)
        look = _look(text)
        return text if look is None else self._stand_in(text, look)

    def _listed(self, text: str) -> str:
        # several addresses in one field stay several
        if "," not in text:
            return self._stand_in(text, "number" if text.isdecimal() else _look(text) or "name")
        return ",".join(self._listed(one.strip()) for one in text.split(",") if one.strip())

    def _stand_in(self, text: str, kind: str) -> str:
        if text not in self._known:
            self.replaced[kind] += 1
            number = len(self._known) + 1
            words = {"number": f"{9_000_000 + number}", "ip": f"192.0.2.{number % 250 + 1}"}
            self._known[text] = words.get(kind, f"removed-{number}")
        return self._known[text]


def _names(key: str) -> bool:
    """Return whether a field of this name says who or which."""
    name = key.lower()
    if name in KEPT:
        return False
    return name in EXACT or name.endswith("id") or any(part in name for part in WITHIN)


def _look(text: str) -> str | None:
    """Return what *text* looks like, when it looks like something that identifies."""
    if NUMBER.fullmatch(text) or TIME.fullmatch(text):
        return None
    for kind, pattern in LOOKS:
        if pattern.search(text):
            # `BTC-USD-261225-100000-C` is long and mixed too
            return None if kind == "key" and INSTRUMENT.fullmatch(text) else kind
    return None
