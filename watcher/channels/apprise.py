"""
The fallback road: any service Apprise knows (ntfy, Pushover, mail, SMS gateways …), by its URL.

Rule: the URL is a secret as a whole; no text of ours holds a part of it beyond the kind of service.
The library is loaded by `warm` or the first use, in a thread: it costs 0.2 s and 50 MB that a
watcher without a fallback never pays. It says only whether a message went out; why not is read from
what it logs, which goes here and nowhere else:

    it logged                          meaning
    error=401, 403, 404, 410           refused: every message, until a person mends the URL
    error=408, 425, 429, 5xx           try again
    error=4xx                          permanent for the message
    read timed out, reset after        ambiguous, like no answer within `TIMEOUT_S`
    anything else                      try again

It has no buttons, edits or pictures. Loud messages take the service's strongest priority (where it
has one and the URL names none), silent ones its usual: nothing comes this far that may wait.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from watcher.domain.alert import Text
from watcher.ports import DeliveryError, Key

if TYPE_CHECKING:
    from apprise import Apprise, NotifyBase

TIMEOUT_S = 10.0
PAUSE_MAX_S = 1.0
"""Between two requests to one service; Apprise's own 5.5 s would hold up a storm."""

STRONGEST = ("emergency", "max", "urgent", "highest", "high")
"""What services call their strongest priority, strongest first."""

REFUSED = frozenset({401, 403, 404, 410})
PASSING = frozenset({408, 425, 429})

_SCHEME = re.compile(r"([a-z][a-z0-9+-]{0,19})://", re.IGNORECASE)
_STATUS = re.compile(r"\berror=(\d{3})\b")
_MAY_HAVE_ARRIVED = re.compile(r"read timed out|connection aborted", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Service:
    """One URL, ready to be sent to: with its strongest priority and with its usual."""

    title: str
    loud: Apprise
    quiet: Apprise


class AppriseChannel:
    """The `Channel` port for one Apprise URL."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        scheme = _SCHEME.match(url)
        self.name = f"apprise:{scheme[1].lower() if scheme else 'unknown'}"
        self._url = url
        self._timeout_s = timeout_s
        self._service: _Service | None = None

    async def send(
        self,
        text: Text,
        *,
        silent: bool,
        keys: Sequence[Key] = (),  # noqa: ARG002 - this road has none
        picture: bytes | None = None,  # noqa: ARG002 - nor these
    ) -> str:
        service = await self._loaded()
        title, _, body = text.plain.strip().partition("\n")
        logged: list[str] = []
        from apprise import AppriseResultStatus, NotifyType  # noqa: PLC0415 - see the header

        result = await (service.quiet if silent else service.loud).async_notify(
            title=title if body else "",
            body=body or title,
            notify_type=NotifyType.INFO if silent else NotifyType.FAILURE,
            body_format="text",
            timeout=self._timeout_s,
            log_callback=lambda entry, _: logged.append(entry.message),
            log_level=logging.DEBUG,
        )
        if result.status is AppriseResultStatus.SUCCESS:
            return ""
        late = result.status is AppriseResultStatus.TIMEOUT
        raise _failure(service.title, logged, late=late)

    async def edit(self, receipt: str, text: Text, *, keys: Sequence[Key] = ()) -> None:  # noqa: ARG002 - see the port
        raise DeliveryError("what went out by the fallback cannot be changed", permanent=True)

    async def pin(self, receipt: str) -> None:
        """Nothing can be pinned here, and nothing needs to be."""

    async def warm(self) -> str:
        """
        Load the service and return its name; nothing is sent.

        Raises: `DeliveryError`, refused, for a URL Apprise cannot use.
        """
        return (await self._loaded()).title

    async def close(self) -> None:
        self._service = None

    async def _loaded(self) -> _Service:
        if self._service is None:
            self._service = await asyncio.to_thread(_service, self._url)
        return self._service


def _service(url: str) -> _Service:
    logger = logging.getLogger("apprise")
    # its lines hold addresses and payloads: they go to the call that asked and to no log
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    usual = _plugin(url)
    if usual is None:
        raise DeliveryError(
            "the fallback's URL is none that Apprise can use: see its list of services",
            refused=True,
        )
    return _Service(
        title=str(usual.service_name), loud=_alone(_strongest(url, usual)), quiet=_alone(usual)
    )


def _plugin(url: str) -> NotifyBase | None:
    import apprise  # noqa: PLC0415 - see the header

    # nothing on disk: what the library would keep there holds addresses
    asset = apprise.AppriseAsset(
        app_id="watcher", storage_mode=apprise.PersistentStoreMode.MEMORY, secure_logging=True
    )
    if not re.search(r"[?&]overflow=", url):
        url = _with(url, "overflow", "split")
    plugin = apprise.Apprise.instantiate(url, asset=asset)
    if plugin is not None:
        # an address may ask for less (`verify=no`), and then its token goes to whoever answers
        plugin.verify_certificate = True
        plugin.request_rate_per_sec = min(plugin.request_rate_per_sec, PAUSE_MAX_S)
    return plugin


def _strongest(url: str, usual: NotifyBase) -> NotifyBase:
    """Return *url* at its service's strongest priority, as it is where it says one itself."""
    normal = getattr(usual, "priority", None)
    if normal is None or re.search(r"[?&]priority=", url):
        return usual
    for word in STRONGEST:
        plugin = _plugin(_with(url, "priority", word))
        # a word a service does not know leaves it at its usual
        if plugin is not None and getattr(plugin, "priority", normal) != normal:
            return plugin
    return usual


def _with(url: str, name: str, value: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{name}={value}"


def _alone(plugin: NotifyBase) -> Apprise:
    import apprise  # noqa: PLC0415 - see the header

    return apprise.Apprise(plugin)


def _failure(service: str, logged: Sequence[str], *, late: bool) -> DeliveryError:
    said = [found[1] for line in logged if (found := _STATUS.search(line))]
    status = int(said[-1]) if said else None
    if status in REFUSED:
        return DeliveryError(f"{service} refuses us: {status}", refused=True)
    if status is not None:
        passing = status in PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return DeliveryError(f"{service} answered {status}", permanent=not passing)
    if late or any(_MAY_HAVE_ARRIVED.search(line) for line in logged):
        return DeliveryError(f"{service} did not answer in time", ambiguous=True)
    return DeliveryError(f"no connection to {service}")
