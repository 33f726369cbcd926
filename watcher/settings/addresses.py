"""
Addresses in the settings: of this machine, of who is pinged, and where numbers are shown.

Rule: what travels in clear stays on this machine; what is a secret is never shown.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from pydantic import SecretStr

from watcher.settings.problems import Misread
from watcher.settings.units import quoted

_APPRISE_SCHEME = re.compile(r"([a-z][a-z0-9+-]{0,19})://", re.IGNORECASE)
FALLBACK_EXPECTED = (
    "the whole URL of a service Apprise knows, such as ntfys://HOST/TOPIC "
    "(github.com/caronc/apprise lists them)"
)


def loopback(value: str) -> str:
    """Return the address of a practice world, which is on this machine."""
    expected = 'an address of this machine, such as "http://127.0.0.1:8080"'
    parts = urlsplit(value)
    try:
        port_ok = parts.port is None or parts.port > 0
    except ValueError:
        port_ok = False
    if parts.scheme not in ("http", "https") or not port_ok or not _is_local(parts.hostname or ""):
        raise Misread(quoted(value), expected)
    if parts.username or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise Misread(quoted(value), f"{expected}, without user, path or query")
    return value.rstrip("/")


def pingable(value: SecretStr | None) -> SecretStr | None:
    """Return the address of a check that is pinged: by https, or on this machine."""
    text = "" if value is None else value.get_secret_value().strip()
    if text and not _is_pingable(text):
        raise Misread("an address that cannot be pinged", "https://, a host, and the check's path")
    return value


def appriseable(value: SecretStr | None) -> SecretStr | None:
    """Return an Apprise URL as far as its shape tells; what Apprise says of it is asked later."""
    text = None if value is None else value.get_secret_value().strip()
    if text is not None and _APPRISE_SCHEME.match(text) is None:
        found = "something that names no service" if text else "an empty text"
        raise Misread(found, FALLBACK_EXPECTED)
    return value


def listening(value: str) -> str:
    """Return the place the page of numbers is shown at: a port or a socket of this machine only."""
    expected = 'a port of this machine, such as "127.0.0.1:9108", or "unix:/a/path"'
    text = value.strip()
    if text.startswith("unix:"):
        if not text.removeprefix("unix:").startswith("/") or text.endswith("/"):
            raise Misread(quoted(value), f"{expected}; a socket by its whole path")
        return text
    if text.isascii() and text.isdigit():
        raise Misread(quoted(value), expected, f'"127.0.0.1:{text}"')
    host, port = _place(text)
    if host and port and not _is_local(host):
        raise Misread(quoted(value), f"{expected}: whoever can reach it reads your distances")
    if not host or not port or not text.endswith(f":{port}"):
        raise Misread(quoted(value), expected)
    return text


def _place(text: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname or "", parts.port or 0
    except ValueError:
        return "", 0
    more = parts.path or parts.query or parts.fragment or parts.username
    return ("", 0) if more else (host, port)


def _is_pingable(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    safe = parts.scheme == "https" or (parts.scheme == "http" and _is_local(host))
    whole = bool(host) and port != 0 and bool(parts.path.strip("/"))
    return safe and whole and not parts.fragment


def _is_local(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
