"""
The road between ccxt and a venue, made strict.

ccxt keeps signing and URLs; this keeps it honest. A body is data only if it came under HTTP 200,
whole, at most `BODY_BYTES_MAX` long, and is a JSON object or list. Redirects are not followed
(a signed request belongs to one host). Every answer is read here first, by raw code and status,
because ccxt's own classes mislead (a revoked key becomes "DDoSProtection", a lost connection a
plain "ExchangeError").

Rule: whatever happens leaves as a `VenueError` whose words hold no URL, key or signature. Nothing
is retried here, and CancelledError always passes.
"""

from __future__ import annotations

import asyncio
import errno
import re
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from watcher.ports import (
    Banned,
    Maintenance,
    RateLimited,
    Refused,
    Unreachable,
    Unreadable,
    VenueError,
)
from watcher.venues.fields import NotJson, decode

BODY_BYTES_MAX = 10_000_000
CONNECT_S = 3.0
PAUSE_S = 30
BAN_S = 120
"""What 429 and 418 mean when the venue does not say until when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What a venue sent, before anyone believes it. `payload` is None when the body is no JSON
    object or list; `broken` then says what it looks like. Header names are in lower case.
    `now_ms` is the venue's own time, as far as we know it.
    """

    status: int
    headers: Mapping[str, str]
    path: str
    payload: object
    broken: str
    now_ms: float

    @property
    def wait_s(self) -> float | None:
        """The pause the venue asks for in `Retry-After`, when it does."""
        wait = self.headers.get("retry-after", "")
        return float(wait[:9]) if wait.isdecimal() else None


class ClockSkew(Unreachable):
    """The venue refused our time stamp; the caller compares clocks and tries once more."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The little of an aiohttp response that ccxt reads."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: str
    content: None = None

    async def text(self, errors: str = "replace") -> str:
        del errors
        return self.body


class Way(Protocol):
    """What ccxt asks of a session."""

    @property
    def headers(self) -> Mapping[str, str]: ...
    def get(self, url: URL, **options: Any) -> AbstractAsyncContextManager[Reply]: ...  # noqa: ANN401 - ccxt calls this
    def post(self, url: URL, **options: Any) -> AbstractAsyncContextManager[Reply]: ...  # noqa: ANN401 - ccxt calls this


class Road:
    """What ccxt gets for a session: the shared one with our time-outs, a size cap, no redirects."""

    def __init__(self, session: aiohttp.ClientSession, timeout_s: float) -> None:
        # ccxt copies a session's own headers into each request
        self.headers: Mapping[str, str] = session.headers
        self._session = session
        self._timeout = aiohttp.ClientTimeout(
            total=timeout_s, connect=min(CONNECT_S, timeout_s), sock_read=timeout_s
        )

    @asynccontextmanager
    async def get(self, url: URL, **options: Any) -> AsyncIterator[Reply]:  # noqa: ANN401 - ccxt calls this
        async with self._request("GET", url, options) as reply:
            yield reply

    @asynccontextmanager
    async def post(self, url: URL, **options: Any) -> AsyncIterator[Reply]:  # noqa: ANN401 - ccxt calls this
        async with self._request("POST", url, options) as reply:
            yield reply

    @asynccontextmanager
    async def _request(
        self,
        method: str,
        url: URL,
        options: Mapping[str, Any],
    ) -> AsyncIterator[Reply]:
        async with self._session.request(
            method,
            url,
            data=options.get("data"),
            headers=options.get("headers"),
            timeout=self._timeout,
            allow_redirects=False,
        ) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > BODY_BYTES_MAX:
                    raise Unreadable(f"answer is larger than {BODY_BYTES_MAX // 1_000_000} MB")
            text = bytes(body).decode("utf-8", errors="replace")
            yield Reply(response.status, response.reason or "", response.headers, text)


class Strict:
    """
    Mixed in before a ccxt class. `judge` is called with every answer, before ccxt's own opinion,
    and raises what the answer really is.
    """

    judge: Callable[[Answer], None]
    clock_ms: Callable[[], float]

    def milliseconds(self) -> int:
        """Return the venue's time; every signature of the three venues is stamped with this."""
        return int(self.clock_ms())

    def on_json_response(self, body: str) -> object:
        # the library's parser makes floats; money does not pass through a float
        return decode(body)

    def handle_errors(  # noqa: PLR0917 - ccxt's signature
        self,
        code: int,
        reason: str,
        url: str,
        method: str,
        headers: Mapping[str, str],
        body: str,
        response: object,
        request_headers: object,
        request_body: object,
    ) -> object:
        payload, broken = response, ""
        if not isinstance(payload, dict | list):
            payload = None
            try:
                payload = decode(body or "")
            except NotJson as state:
                broken = str(state)
        self.judge(
            Answer(
                status=code,
                headers={name.lower(): value for name, value in headers.items()},
                path=urlsplit(url).path,
                payload=payload,
                broken=broken,
                now_ms=self.clock_ms(),
            )
        )
        inherited: Any = super()
        return inherited.handle_errors(
            code, reason, url, method, headers, body, response, request_headers, request_body
        )


def judge(answer: Answer, explain: Callable[[Answer], VenueError | None]) -> None:
    """
    Raise what *answer* really is, unless it is data.

    *explain* knows the venue's own error codes and is asked first; it gets answers of every
    status, with a payload or without.
    """
    error = explain(answer) or status_error(answer)
    if error is not None:
        raise error
    if answer.payload is None:
        raise Unreadable(answer.broken)


_STATUSES: dict[int, tuple[type[VenueError], str, float | None]] = {
    401: (Refused, "key refused", None),
    403: (Unreachable, "refused by the venue's firewall", None),
    407: (Refused, "key refused", None),
    418: (Banned, "this address is banned", BAN_S),
    429: (RateLimited, "too many requests", PAUSE_S),
    451: (Unreachable, "not served at this address", None),
}
"""What a status means, in words, and the wait in seconds where the venue names none."""


def status_error(answer: Answer) -> VenueError | None:
    """Return what the HTTP status alone says, None for 200."""
    if answer.status == HTTPStatus.OK:
        return None
    said = f"HTTP {answer.status}"
    if answer.status in _STATUSES:
        kind, words, wait_s = _STATUSES[answer.status]
        return kind(f"{said}, {words}", wait_s=answer.wait_s or wait_s)
    if answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return Unreadable(f"{said}, expected 200")
    if answer.status < HTTPStatus.BAD_REQUEST:
        return Unreachable(f"{said}, redirects are not followed")
    return Unreachable(said, wait_s=answer.wait_s)


def translate(error: Exception, timeout_s: float) -> VenueError:
    """Turn whatever ccxt or aiohttp threw into a `VenueError` of plain words."""
    if isinstance(error, VenueError):
        return error
    if isinstance(error, NotJson):
        return Unreadable(str(error))
    cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
    return _lost(error, timeout_s) or _lost(cause, timeout_s) or _by_class(error)


_LOST: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (aiohttp.ConnectionTimeoutError, "no connection in {connect_s:g} s"),
    (TimeoutError, "no answer in {timeout_s:g} s"),
    (
        (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError),
        "the certificate of the venue is not trusted (TLS)",
    ),
    ((aiohttp.ClientConnectorDNSError, socket.gaierror), "host name not found"),
    (aiohttp.ClientConnectorError, "connection refused"),
    (aiohttp.ClientPayloadError, "connection lost in mid-answer"),
    ((aiohttp.ClientConnectionError, OSError), "connection lost"),
    (aiohttp.ClientError, "not an HTTP answer"),
)
"""What became of the connection; the first that fits, so the narrower kinds come first."""


_OURS = {
    errno.EMFILE: "no connection to be had: too many open files here",
    errno.ENFILE: "no connection to be had: too many open files here",
    errno.ENETUNREACH: "this machine has no network",
    errno.EHOSTUNREACH: "no route to the venue",
}
"""Why a connection could not even be tried, by the system's own number."""


def _lost(cause: Exception, timeout_s: float) -> VenueError | None:
    if isinstance(cause, aiohttp.ClientConnectorError) and cause.errno in _OURS:
        return Unreachable(_OURS[cause.errno])
    for kinds, words in _LOST:
        if isinstance(cause, kinds):
            connect_s = min(CONNECT_S, timeout_s)
            return Unreachable(words.format(connect_s=connect_s, timeout_s=timeout_s))
    return None


def _by_class(error: Exception) -> VenueError:
    """What is left: ccxt's own opinion of an answer `judge` let pass, by the name of its class."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if "OnMaintenance" in names:
        return Maintenance("maintenance")
    if names & {"AuthenticationError", "PermissionDenied"}:
        return Refused("key refused")
    if names & {"RateLimitExceeded", "DDoSProtection"}:
        return RateLimited("too many requests")
    if names & {"NetworkError", "OperationFailed"}:
        return Unreachable(f"no usable answer ({type(error).__name__})")
    return Unreadable(f"answer could not be read ({type(error).__name__})")


_URL = re.compile(r"\w+://\S+")
_TOKEN = re.compile(r"[0-9A-Za-z+/_=-]{20,}")


def plain(message: object) -> str:
    """Return a venue's own words short and without addresses or anything that could be a secret."""
    if not isinstance(message, str):
        return ""
    text = _TOKEN.sub("…", _URL.sub("…", " ".join(message.split())))
    return text if len(text) <= 80 else text[:79] + "…"  # noqa: PLR2004 - a line on a phone


_SEEN_AS = re.compile(r"\b(?:request ip:?|your ip)\s+([0-9a-f:.]+)", re.IGNORECASE)


def seen_as(message: object) -> str:
    """
    Return from which address a refusal says we came, for early in a reason: a phone cuts the end.

    >>> seen_as("Invalid API-key, IP, or permissions for action, request ip: 203.0.113.7")
    ' from 203.0.113.7'
    """
    found = _SEEN_AS.search(message) if isinstance(message, str) else None
    if found is None:
        return ""
    try:
        return f" from {ip_address(found[1].rstrip('.'))}"
    except ValueError:
        return ""


def loopback(endpoint: str) -> str:
    """
    Return *endpoint* without a trailing slash, when it is a place on this machine.

    Raises: `ValueError` for anything but http on a loopback address: keys go to the venue's own
    hosts or stay here.
    """
    parts = urlsplit(endpoint)
    if (
        parts.scheme != "http"
        or parts.hostname not in ("127.0.0.1", "localhost", "::1")
        or parts.username is not None
        or parts.path not in ("", "/")
        or parts.query
        or parts.fragment
    ):
        raise ValueError(
            f"endpoint is {endpoint!r}, expected http on a loopback address like "
            "http://127.0.0.1:8700"
        )
    return endpoint.rstrip("/")


def redirected(urls: object, endpoint: str) -> object:
    """Return ccxt's table of URLs with every host replaced by *endpoint*, paths kept."""
    if isinstance(urls, dict):
        return {name: redirected(url, endpoint) for name, url in urls.items()}
    if isinstance(urls, list):
        return [redirected(url, endpoint) for url in urls]
    if isinstance(urls, str):
        # up to the first slash after the host; also swallows ccxt's {hostname} placeholder
        return re.sub(r"^(https?|wss?)://[^/]+", endpoint, urls)
    return urls


async def finish(session: aiohttp.ClientSession) -> None:
    """Close a session and let its transports say goodbye."""
    await session.close()
    await asyncio.sleep(0)
