"""
Recorded answers of venues, spoilt: the same capture with one thing in one answer not as it was.

Rule: a spoil is a value one can print and repeat: which answer, where in its body, what was done
there. `LOSSES` take something away and can only make an account look worse; `CHANGES` put
something else in its place. Bodies are replayed through ccxt and the adapters as text, so that what
no JSON library would write (`NaN`, a body broken off) gets there too.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from watcher.domain.account import Snapshot
from watcher.domain.status import VenueStatus
from watcher.venues import open_venue
from watcher.venues.capture import ACCOUNT, STAND_IN, TIMEOUT_S, Answered, Capture, Quiet, Reel

Place = tuple[str | int, ...]

NEST = 21
"""One deeper than a venue's answer may be."""


class Raw:
    """A piece of text that stands in a body as it is."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"Raw({self.text!r})"


LOST = object()
CUT = "\0"
"""Where a body is broken off."""

LOSSES: Mapping[str, object] = {
    "dropped": LOST,
    "null": None,
    "empty text": "",
    "NaN text": "NaN",
    "NaN": Raw("NaN"),
    "empty list": [],
    "empty object": {},
    "broken off": Raw(CUT),
}

CHANGES: Mapping[str, object] = {
    "0": "0",
    "-1": "-1",
    "huge": "1e30",
    "large": "987654321987654321",
    "infinite": Raw("-Infinity"),
    "beyond a float": Raw("1e400"),
    "many digits": "9" * 5_000,
    "many figures": Raw("9" * 5_000),
    "tiny": "1e-30",
    "number": 7,
    "fraction": Raw("0.1"),
    "true": True,
    "words": "abc",
    "hostile": "\u202e<b>@all\nhttps://x.example/\ud800",
    "mixed": "BTC/USDT:-:-_:long",
    "time": "1e12",
    "list": [1],
    "rows": [{"a": "1"}],
    "object": {"a": "1"},
    "deep": Raw("[" * NEST + "]" * NEST),
    "abyss": Raw("[" * 100_000),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoil:
    """What was done: to which answer, where, and by what name of `LOSSES` or `CHANGES`."""

    answer: int
    place: Place
    by: str


def places(body: object, prefix: Place = ()) -> Iterator[Place]:
    """Yield the place of every value in *body*, itself included."""
    yield prefix
    if isinstance(body, dict):
        for name, inner in body.items():
            yield from places(inner, (*prefix, name))
    elif isinstance(body, list):
        for number, inner in enumerate(body):
            yield from places(inner, (*prefix, number))


def sites(capture: Capture) -> list[tuple[int, Place]]:
    """Return every place of every answer."""
    return [
        (number, place) for number, one in enumerate(capture.answers) for place in places(one.body)
    ]


def spoilt(capture: Capture, spoil: Spoil) -> str:
    """Return the body of the spoilt answer as text."""
    thing = LOSSES[spoil.by] if spoil.by in LOSSES else CHANGES[spoil.by]
    body = capture.answers[spoil.answer].body
    return respelt(body, spoil.place, thing)


def respelt(body: object, place: Place, thing: object) -> str:
    """Return *body* as JSON with *thing* at *place*, broken off where it says so."""
    return _text(_with(body, place, thing)).partition(CUT)[0]


def _with(body: object, place: Place, thing: object) -> object:
    """Return *body* with *thing* at *place*."""
    if not place:
        return {} if thing is LOST else thing
    head, rest = place[0], place[1:]
    gone = thing is LOST and not rest
    if isinstance(body, dict):
        changed = dict(body)
        if gone:
            del changed[head]
        else:
            changed[head] = _with(body[head], rest, thing)
        return changed
    assert isinstance(body, list)
    assert isinstance(head, int)
    new = [] if gone else [_with(body[head], rest, thing)]
    return [*body[:head], *new, *body[head + 1 :]]


def _text(value: object) -> str:
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)}: {_text(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_text, value)) + "]"
    return json.dumps(value)


class SpoiltReel(Reel):
    """A reel that gives one answer as the text it was spoilt to."""

    def __init__(self, capture: Capture, spoil: Spoil | None) -> None:
        super().__init__(capture)
        self._answer = None if spoil is None else capture.answers[spoil.answer]
        self._instead = "" if spoil is None else spoilt(capture, spoil)

    def text(self, one: Answered) -> str:
        return self._instead if one is self._answer else super().text(one)


async def _poll(capture: Capture, spoil: Spoil | None) -> tuple[VenueStatus, Snapshot]:
    reel = SpoiltReel(capture, spoil)
    venue = open_venue(
        capture.venue,
        ACCOUNT,
        STAND_IN,
        endpoint=None,
        clock=reel.clock,
        timeout_s=TIMEOUT_S,
        log=Quiet(),
        shared=reel,
    )
    try:
        status = await venue.start()
        return status, await venue.snapshot()
    finally:
        await venue.close()
        await reel.close()


def polled(capture: Capture, spoil: Spoil | None = None) -> tuple[VenueStatus, Snapshot]:
    """
    Return what the adapter makes of *capture*, spoilt.

    Raises: `VenueError`, and nothing else is what these tests are about.
    """
    return asyncio.run(_poll(capture, spoil))
