"""
The raw answers of one poll as a file, `watcher.capture/1`, and a poll of that file.

    record      a poll of a real adapter, every answer kept on the way by a `Tape`
    replayed    the same adapter over the same ccxt, answered from the file by a `Reel`

Rule: nothing is written before it went through `watcher.venues.redact`, and nothing is sent when a
file is read: the reel has no socket. Numbers keep their digits both ways. A request the file has
no answer to is an error that names it. The format is described in docs/capture.md.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast
from urllib.parse import parse_qsl

from yarl import URL

from watcher.domain.account import Snapshot
from watcher.domain.alert import Moment
from watcher.ports import Unreadable, Venue, VenueError
from watcher.venues import VENUES, open_venue
from watcher.venues.ccxt_venue import Credentials, Shared
from watcher.venues.fields import NotJson, decode
from watcher.venues.redact import Redactor
from watcher.venues.transport import Reply, Way

CAPTURE_SCHEMA = "watcher.capture/1"
ACCOUNT = "captured"
TIMEOUT_S = 10.0
KEY_HEADERS = frozenset(("x-mbx-apikey", "x-bapi-api-key", "ok-access-key"))
STAND_IN = Credentials(api_key="captured", api_secret="captured", password="captured")  # noqa: S106 - signs requests that go nowhere


class CaptureError(ValueError):
    """A capture that cannot be read. The text names the place, what was found and expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One request and its answer. `body` is None when it was no JSON object or list."""

    method: str
    path: str
    query: Mapping[str, str]
    status: int
    at_ms: float
    signed: bool
    body: object

    @property
    def key(self) -> tuple[str, str, tuple[tuple[str, str], ...]]:
        return self.method, self.path, tuple(sorted(self.query.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One poll. `trouble` is why it ended without a snapshot, when it did."""

    venue: str
    mode: str
    trouble: str | None = None
    replaced: Mapping[str, int] = field(default_factory=dict)
    answers: tuple[Answered, ...]


# ── recording ────────────────────────────────────────────────────────────────────────────────


class Tape(Shared):
    """A session that keeps every answer, redacted, in the order they came."""

    def __init__(self, clock_ms: Callable[[], float], redactor: Redactor) -> None:
        super().__init__()
        self.answers: list[Answered] = []
        self.redactor = redactor
        self._clock_ms = clock_ms

    def way(self, timeout_s: float) -> Way:
        return _Recorded(super().way(timeout_s), self._keep)

    def _keep(self, method: str, url: URL, options: Mapping[str, Any], reply: Reply) -> None:
        headers = {str(name).lower() for name in options.get("headers") or {}}
        signed = bool(headers & KEY_HEADERS)
        try:
            body: object = self.redactor.body(decode(reply.body), signed=signed)
        except NotJson:
            body = None  # a page of a firewall names addresses: that it was none is all we keep
        self.answers.append(
            Answered(
                method=method,
                path=url.path,
                query=self.redactor.query(_params(url, options), signed=signed),
                status=reply.status,
                at_ms=round(self._clock_ms(), 3),
                signed=signed,
                body=body,
            )
        )


class _Recorded:
    """A way that shows each reply to *keep* before ccxt gets it."""

    def __init__(
        self, way: Way, keep: Callable[[str, URL, Mapping[str, Any], Reply], None]
    ) -> None:
        self.headers = way.headers
        self._way = way
        self._keep = keep

    @asynccontextmanager
    async def get(self, url: URL, **options: Any) -> AsyncIterator[Reply]:  # noqa: ANN401 - ccxt calls this
        async with self._way.get(url, **options) as reply:
            self._keep("GET", url, options, reply)
            yield reply

    @asynccontextmanager
    async def post(self, url: URL, **options: Any) -> AsyncIterator[Reply]:  # noqa: ANN401 - ccxt calls this
        async with self._way.post(url, **options) as reply:
            self._keep("POST", url, options, reply)
            yield reply


def _params(url: URL, options: Mapping[str, Any]) -> dict[str, str]:
    """Return what was asked, from the query and from a form in the body."""
    form = options.get("data") or b""
    text = form.decode("utf-8", errors="replace") if isinstance(form, bytes) else str(form)
    return {**dict(url.query), **dict(parse_qsl(text, keep_blank_values=True))}


async def record(venue: Venue, tape: Tape, name: str) -> tuple[Capture, Snapshot | None]:
    """Poll *venue*, which was opened on *tape*; also when the venue is what is wrong."""
    mode, trouble, snapshot = "unknown", None, None
    try:
        mode = (await venue.start()).mode
        snapshot = await venue.snapshot()
    except VenueError as error:
        trouble = f"{error.kind}: {error.reason}"
    capture = Capture(
        venue=name,
        mode=mode if snapshot is None else snapshot.mode,
        trouble=trouble,
        replaced=dict(tape.redactor.replaced),
        answers=tuple(tape.answers),
    )
    return capture, snapshot


# ── the file ─────────────────────────────────────────────────────────────────────────────────


def write_capture(capture: Capture) -> str:
    """Return *capture* as the text of a file; `read_capture` gives back an equal one."""
    answers = [
        {
            "method": one.method,
            "path": one.path,
            "query": dict(one.query),
            "status": one.status,
            "at_ms": one.at_ms,
            "signed": one.signed,
            "body": one.body,
        }
        for one in capture.answers
    ]
    document = {
        "schema": CAPTURE_SCHEMA,
        "venue": capture.venue,
        "mode": capture.mode,
        "trouble": capture.trouble,
        "replaced": dict(capture.replaced),
        "answers": answers,
    }
    return _json(document, "\n") + "\n"


def read_capture(text: str | bytes) -> Capture:
    """
    Return the capture in *text*.

    Raises: `CaptureError`.
    """
    try:
        data = decode(text)
    except NotJson as error:
        raise CaptureError(str(error)) from None
    top = _table(data, "the file")
    if top.get("schema") != CAPTURE_SCHEMA:
        raise CaptureError(f"schema: expected {CAPTURE_SCHEMA!r}, found {top.get('schema')!r}")
    venue = _of(top, "venue", str, "the file")
    if venue not in VENUES:
        raise CaptureError(f"venue: expected one of {', '.join(VENUES)}, found {venue!r}")
    rows = _of(top, "answers", list, "the file")
    trouble = top.get("trouble")
    return Capture(
        venue=venue,
        mode=_of(top, "mode", str, "the file"),
        trouble=None if trouble is None else str(trouble),
        replaced=_of(top, "replaced", dict, "the file"),
        answers=tuple(_answer(row, f"answers[{n}]") for n, row in enumerate(rows)),
    )


def _answer(data: object, where: str) -> Answered:
    row = _table(data, where)
    query = _of(row, "query", dict, where)
    body = row.get("body")
    if not isinstance(body, dict | list | None):
        raise CaptureError(f"{where}.body: expected an object, a list or null, found {body!r:.40}")
    return Answered(
        method=_of(row, "method", str, where),
        path=_of(row, "path", str, where),
        query={str(name): str(value) for name, value in query.items()},
        status=_of(row, "status", int, where),
        at_ms=float(_of(row, "at_ms", (int, Decimal), where)),
        signed=_of(row, "signed", bool, where),
        body=body,
    )


def _table(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise CaptureError(f"{where}: expected a JSON object, found {value!r:.40}")
    return value


def _of(row: Mapping[str, object], key: str, kind: Any, where: str) -> Any:  # noqa: ANN401 - what the kind says
    value = row.get(key)
    if not isinstance(value, kind):
        found = "nothing" if key not in row else f"{value!r:.40}"
        names = kind if isinstance(kind, tuple) else (kind,)
        words = " or ".join(one.__name__ for one in names)
        raise CaptureError(f"{where}: {key}: expected {words}, found {found}")
    return value


def _json(value: object, line: str) -> str:
    """Return JSON that keeps the digits of a Decimal, which no JSON library writes as a number."""
    deeper = line + " "
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict) and value:
        pairs = (f"{json.dumps(name)}: {_json(inner, deeper)}" for name, inner in value.items())
        return "{" + deeper + ("," + deeper).join(pairs) + line + "}"
    if isinstance(value, list | tuple) and value:
        return "[" + deeper + ("," + deeper).join(_json(one, deeper) for one in value) + line + "]"
    return json.dumps(value)


# ── replaying ────────────────────────────────────────────────────────────────────────────────


class Reel(Shared):
    """A session that answers from a capture and reaches nothing. `now_ms` follows the answers."""

    headers: Mapping[str, str] = {}

    def __init__(self, capture: Capture) -> None:
        super().__init__()
        self.now_ms = min((one.at_ms for one in capture.answers), default=0.0)
        self._answers: dict[object, list[Answered]] = {}
        for one in capture.answers:
            self._answers.setdefault(one.key, []).append(one)

    def clock(self) -> Moment:
        at_us = round(self.now_ms * 1000)
        return Moment(steady_us=at_us, wall_us=at_us)

    def way(self, timeout_s: float) -> Way:
        del timeout_s
        return cast("Way", self)

    @asynccontextmanager
    async def get(self, url: URL, **options: Any) -> AsyncIterator[Reply]:  # noqa: ANN401 - ccxt calls this
        yield self._reply("GET", url, options)

    @asynccontextmanager
    async def post(self, url: URL, **options: Any) -> AsyncIterator[Reply]:  # noqa: ANN401 - ccxt calls this
        yield self._reply("POST", url, options)

    def _reply(self, method: str, url: URL, options: Mapping[str, Any]) -> Reply:
        query = Redactor().query(_params(url, options), signed=False)
        told = self._answers.get((method, url.path, tuple(sorted(query.items()))))
        if not told:
            asked = "&".join(f"{name}={value}" for name, value in query.items())
            raise Unreadable(f"the capture has no answer to {method} {url.path}?{asked}")
        # asked again for a table that did not fit: the same answer once there is no later one
        one = told.pop(0) if len(told) > 1 else told[0]
        self.now_ms = max(self.now_ms, one.at_ms)
        return Reply(one.status, "", {"content-type": "application/json"}, self.text(one))

    def text(self, one: Answered) -> str:
        """Return the body of *one* as it is sent."""
        return "" if one.body is None else _json(one.body, "")


class Quiet:
    """A log nobody reads: what an adapter would say to an operator."""

    def debug(self, event: str, **fields: object) -> None: ...
    def info(self, event: str, **fields: object) -> None: ...
    def warning(self, event: str, **fields: object) -> None: ...


async def replayed(capture: Capture, account: str = ACCOUNT) -> Snapshot:
    """
    Return what the venue's adapter makes of *capture* today, through the real ccxt.

    Raises: `VenueError` where it raised for the venue, or for an answer the file does not have.
    """
    reel = Reel(capture)
    venue = open_venue(
        capture.venue,
        account,
        STAND_IN,
        endpoint=None,
        clock=reel.clock,
        timeout_s=TIMEOUT_S,
        log=Quiet(),
        shared=reel,
    )
    try:
        await venue.start()
        return await venue.snapshot()
    finally:
        await venue.close()
        await reel.close()


def snapshot_of(text: str | bytes) -> Snapshot:
    """
    Return the snapshot of a capture's *text*. Not from inside a running event loop.

    Raises: `CaptureError`, also when the adapter cannot read the account from it.
    """
    capture = read_capture(text)
    try:
        return asyncio.run(replayed(capture))
    except VenueError as error:
        raise CaptureError(f"{error.kind}: {error.reason}") from error
