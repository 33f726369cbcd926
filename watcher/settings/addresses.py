"""
Addresses in the settings: of this machine, and of who is pinged.

Rule: what travels in clear stays on this machine; what is a secret is never shown.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from pydantic import SecretStr

from watcher.settings.problems import Misread
from watcher.settings.units import quoted


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
