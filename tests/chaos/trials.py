"""
The faults of wires, disk and process that are tried on the real daemon, and what each must bring.

Rule: a trial is data and two small actions. The account stands far from danger, so that blindness
is told after `blind.after_max` (60 s here) and not before; where the fault hits a road to people
or the disk, a crash goes on meanwhile and CRITICAL must come all the same.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import random
import re
import resource
import signal
import sqlite3
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tests.authority import ELSEWHERE, FAR, HERE, NOW, Authority
from tests.chaos import places, proxy
from tests.chaos.proxy import Toxic, bare, instead, late
from tests.chaos.stand import Stand, harried
from tests.e2e.books import falls, long_btc, world_of

SETTLE_S = 30.0
TOLD_WITHIN_S = 90.0
BACK_WITHIN_S = 900.0
SILENCE_S = 45.0
"""How long whoever is pinged each 15 s waits before he calls: what is set there as its grace."""
FAR_AWAY, FALLING_AWAY = 45.0, 14.0
FALL = ((15.0, 100_000.0), (19.0, 91_000.0), (2000.0, 91_000.0))

Action = Callable[[Stand], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """
    One fault. `says` must reach a person by `road`: the chat, the fallback unless the chat has it,
    or pings that stay away. `then` must follow its end ("": a ping that all is well). `fall`: in a
    crash, and CRITICAL must be told all the same.
    """

    name: str
    place: str
    begin: Action
    end: Action
    says: str = "BLIND"
    then: str = "SEEING"
    road: str = "chat"
    fall: bool = False
    quick: bool = False
    real: bool = False
    tls: bool = False
    celled: bool = False
    prefix: Callable[[Path], Sequence[str]] = lambda _: ()
    lacks: Callable[[], str] = lambda: ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a trial brought: seconds of the world from its begin, and from its end."""

    told_s: float
    back_s: float
    words: str


async def play(trial: Trial, folder: Path) -> Outcome:
    """Try it. Raises: `AssertionError` saying what did not come."""
    world = world_of()
    long_btc(world, "main", "bybit", away=FALLING_AWAY if trial.fall else FAR_AWAY)
    if trial.fall:
        falls(world, *FALL)
    async with harried(
        world,
        folder,
        real=trial.real,
        tls=trial.tls,
        celled=trial.celled,
        prefix=trial.prefix,
    ) as stand:
        began_us = stand.now_us
        await stand.until(lambda: stand.said("WATCHING", began_us), began_us, SETTLE_S)
        await stand.until(lambda: stand.pinged(began_us), began_us, SETTLE_S)
        began_us = stand.now_us
        await trial.begin(stand)
        told_s = await stand.until(lambda: _heard(stand, trial, began_us), began_us, TOLD_WITHIN_S)
        assert told_s is not None, f"{trial.name}: {trial.says} was not told in {TOLD_WITHIN_S} s"
        words = _words(stand, trial, began_us)
        if trial.fall:
            danger_s = await stand.until(lambda: _danger(stand, began_us), began_us, TOLD_WITHIN_S)
            assert danger_s is not None, f"{trial.name}: the danger was not told meanwhile"
        ended_us = stand.now_us
        await trial.end(stand)
        back_s = await stand.until(lambda: _mended(stand, trial, ended_us), ended_us, BACK_WITHIN_S)
        assert back_s is not None, f"{trial.name}: {trial.then} did not come after its end"
        return Outcome(told_s=told_s, back_s=back_s, words=words)


def _heard(stand: Stand, trial: Trial, since_us: int) -> int | None:
    if trial.road == "fallback":
        return _danger(stand, since_us)
    if trial.road == "pings":
        return stand.missed(SILENCE_S, since_us)
    return stand.said(trial.says, since_us)


def _mended(stand: Stand, trial: Trial, since_us: int) -> int | None:
    return stand.said(trial.then, since_us) if trial.then else stand.pinged(since_us)


def _danger(stand: Stand, since_us: int) -> int | None:
    heard = (stand.said("CRITICAL", since_us), stand.called("CRITICAL", since_us))
    return min((at_us for at_us in heard if at_us is not None), default=None)


def _words(stand: Stand, trial: Trial, since_us: int) -> str:
    if trial.road == "pings":
        return "no ping any more"
    if trial.road == "fallback":
        there = stand.called(trial.says, since_us) is not None
        return f"{trial.says}, {'on the fallback' if there else 'in the chat'}"
    sent = next(
        each
        for each in stand.practice.bot.messages
        if each.at_us >= since_us and trial.says in each.text.partition("\n")[0]
    )
    # what a person is to read is neither cut nor escaped
    assert "…" not in sent.text, sent.text
    assert "\\u" not in sent.text, sent.text
    why = REASON.search(sent.text)
    return trial.says if why is None else f"{trial.says}, {why[1]}"


REASON = re.compile(r"^ +\((.*?)(?: ×\d+)?\)$", re.MULTILINE)


# -- the venue's line --------------------------------------------------------------------------


def venue(name: str, toxic: Toxic, *, quick: bool = False) -> Trial:
    async def begin(stand: Stand) -> None:
        stand.venue.infect(toxic)

    return Trial(name=name, place="venue", begin=begin, end=mended, quick=quick)


async def mended(stand: Stand) -> None:
    await stand.venue.heal()
    await stand.chat.heal()


async def venue_refuses(stand: Stand) -> None:
    await stand.venue.refuse()


GATEWAY = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"

VENUE = (
    Trial(name="connection refused", place="venue", begin=venue_refuses, end=mended, quick=True),
    venue("connection reset", proxy.reset),
    venue("reset in the middle of an answer", proxy.torn),
    venue("black hole: accepted, never answered", proxy.silent, quick=True),
    venue("answers 2 s late, ± 0.5 s", late(2.0, 0.5)),
    venue("tarpit: ten bytes a second", proxy.dripping),
    venue("slow close: the last byte never comes", proxy.unfinished),
    venue("half an answer, said to be whole", proxy.cut, quick=True),
    venue("half an answer, then closed", proxy.early),
    venue("an answer of 40 MB", proxy.endless),
    venue("headers without end", proxy.babbling),
    venue("no HTTP at all", bare(b"SSH-2.0-OpenSSH_9.7\r\n")),
    venue("bytes that are no text under 200", instead("200 OK", b"\x1f\x8b\x08\x00\xff\xfe{,,}")),
    venue(
        "a body that is not the gzip it claims to be",
        instead("200 OK", b"{}", headers=b"Content-Encoding: gzip\r\n"),
    ),
    venue("an HTML page under 200", instead("200 OK", GATEWAY, kind="text/html")),
    venue("an empty body under 200", instead("200 OK", b"")),
    venue("`{}` under 200", instead("200 OK", b"{}")),
    venue("`[]` under 200", instead("200 OK", b"[]")),
    venue("`null` under 200", instead("200 OK", b"null")),
    venue("204, no content", bare(b"HTTP/1.1 204 No Content\r\n\r\n")),
    venue(
        "302 to another host",
        instead("302 Found", b"", headers=b"Location: http://192.0.2.1/login\r\n"),
    ),
    venue("401 by a gateway", instead("401 Unauthorized", b"who are you", kind="text/plain")),
    venue("403 by a firewall", instead("403 Forbidden", GATEWAY, kind="text/html")),
    venue("404 for everything", instead("404 Not Found", GATEWAY, kind="text/html")),
    venue("418, banned", instead("418 I'm a teapot", b"{}"), quick=True),
    venue("429 without an end", instead("429 Too Many Requests", b"{}")),
    venue("451, the wrong country", instead("451 Unavailable For Legal Reasons", b"")),
    venue("500", instead("500 Internal Server Error", b"")),
    venue("502 with a gateway's page", instead("502 Bad Gateway", GATEWAY, kind="text/html")),
    venue("503", instead("503 Service Unavailable", b"")),
    venue("504", instead("504 Gateway Timeout", b"")),
)

# -- the chat's line ---------------------------------------------------------------------------


def chat(name: str, toxic: Toxic, *, quick: bool = False) -> Trial:
    """In a crash: the danger is told by the fallback, and by the chat when it is back."""

    async def begin(stand: Stand) -> None:
        stand.chat.infect(toxic)

    return Trial(
        name=name,
        place="Telegram",
        begin=begin,
        end=mended,
        says="CRITICAL",
        then="CRITICAL",
        road="fallback",
        fall=True,
        quick=quick,
    )


async def chat_refuses(stand: Stand) -> None:
    await stand.chat.refuse()


REVOKED = b'{"ok":false,"error_code":401,"description":"Unauthorized"}'

CHAT = (
    replace(chat("connection refused", proxy.honest), begin=chat_refuses),
    chat("connection reset", proxy.reset),
    chat("black hole: accepted, never answered", proxy.silent),
    chat("tarpit: ten bytes a second", proxy.dripping),
    chat("502 with a gateway's page", instead("502 Bad Gateway", GATEWAY, kind="text/html")),
    chat("an HTML page under 200", instead("200 OK", GATEWAY, kind="text/html"), quick=True),
    chat("no HTTP at all", bare(b"SSH-2.0-OpenSSH_9.7\r\n")),
    chat("the bot's token revoked", instead("401 Unauthorized", REVOKED)),
)


def certificate(name: str, context: Callable[[Stand], ssl.SSLContext | None]) -> Trial:
    async def begin(stand: Stand) -> None:
        await stand.chat.disguise(context(stand))

    return replace(chat(name, proxy.honest), begin=begin, tls=True)


TLS = (
    certificate(
        "a certificate nobody knows",
        lambda stand: Authority().server(stand.folder, HERE, NOW + FAR),
    ),
    certificate(
        "a certificate for another host",
        lambda stand: stand.authority.server(stand.folder, ELSEWHERE, NOW + FAR),
    ),
    certificate(
        "a certificate out of date",
        lambda stand: stand.authority.server(stand.folder, HERE, NOW - dt.timedelta(days=1)),
    ),
    certificate("plain text where TLS is expected", lambda _: None),
)


# -- the disk ----------------------------------------------------------------------------------


async def nothing(stand: Stand) -> None:
    """Leave it as it is."""


async def files_may_not_grow(stand: Stand) -> None:
    resource.prlimit(stand.daemon.process_id, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))


async def files_may_grow(stand: Stand) -> None:
    infinite = resource.RLIM_INFINITY
    resource.prlimit(stand.daemon.process_id, resource.RLIMIT_FSIZE, (infinite, infinite))


async def filled(stand: Stand) -> None:
    filler = places.seen_from(stand.daemon.process_id, stand.state) / "filler"
    with filler.open("wb", buffering=0) as out, suppress(OSError):
        while True:
            out.write(bytes(4096))


async def emptied(stand: Stand) -> None:
    (places.seen_from(stand.daemon.process_id, stand.state) / "filler").unlink()


class Holder:
    """A second program that holds the ledger for itself."""

    def __init__(self) -> None:
        self._held: sqlite3.Connection | None = None

    async def begin(self, stand: Stand) -> None:
        self._held = sqlite3.connect(stand.state / "ledger.db", isolation_level=None)
        self._held.execute("BEGIN IMMEDIATE")

    async def end(self, stand: Stand) -> None:
        assert self._held is not None
        self._held.rollback()
        self._held.close()


def spoilt(name: str, spoil: Callable[[Path], None], *, quick: bool = False) -> Trial:
    """Killed, its ledger spoilt, started again."""

    async def begin(stand: Stand) -> None:
        await stand.daemon.kill()
        ledger = stand.state / "ledger.db"
        with closing(sqlite3.connect(ledger)) as opened:  # all of it into one file
            opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        spoil(ledger)
        await stand.daemon.start()

    return Trial(
        name=name,
        place="disk",
        begin=begin,
        end=nothing,
        says="THE MEMORY OF WATCHER",
        then="",
        fall=True,
        quick=quick,
    )


def cut_off(ledger: Path) -> None:
    data = ledger.read_bytes()
    ledger.write_bytes(data[: len(data) * 2 // 3 + 100])


def flipped(ledger: Path) -> None:
    """Flip one bit in each of a fifth of all bytes behind the head."""
    chance = random.Random(7)
    data = bytearray(ledger.read_bytes())
    for place in range(200, len(data)):
        if chance.random() < 0.2:
            data[place] ^= 1 << chance.randrange(8)
    ledger.write_bytes(bytes(data))


def beheaded(ledger: Path) -> None:
    data = ledger.read_bytes()
    ledger.write_bytes(bytes(100) + data[100:])


def disk(name: str, begin: Action, end: Action, *, quick: bool = False) -> Trial:
    """In a crash: trouble and danger are told all the same, from memory."""
    return Trial(
        name=name,
        place="disk",
        begin=begin,
        end=end,
        says=NOT_KEPT,
        then=KEPT,
        fall=True,
        quick=quick,
    )


def unfit(name: str, prefix: Callable[[Path], Sequence[str]], lacks: Callable[[], str]) -> Trial:
    """Killed, and started again where the disk takes nothing: it does not run, and is missed."""

    async def begin(stand: Stand) -> None:
        await stand.daemon.kill()
        await stand.daemon.refuse(prefix(stand.folder))

    return Trial(
        name=name,
        place="disk",
        begin=begin,
        end=started,
        then="",
        road="pings",
        real=True,
        lacks=lacks,
    )


async def started(stand: Stand) -> None:
    await stand.daemon.start()


NOT_KEPT, KEPT = "CANNOT WRITE TO DISK", "DISK WORKS AGAIN"
_holder = Holder()

DISK = (
    disk("no file may grow (RLIMIT_FSIZE)", files_may_not_grow, files_may_grow, quick=True),
    replace(
        disk("disk full (a small one of its own)", filled, emptied),
        prefix=places.small_disk,
        lacks=places.lacks_mounts,
    ),
    disk("the ledger held by another program", _holder.begin, _holder.end),
    spoilt("the ledger cut off", cut_off),
    spoilt("bits of the ledger flipped", flipped, quick=True),
    spoilt("the ledger's head gone", beheaded),
    unfit("full when it is started", places.full_disk, places.lacks_limits),
    unfit("read-only when it is started", places.read_only, places.lacks_mounts),
)


# -- the process and its machine ---------------------------------------------------------------


async def stopped_for_a_while(stand: Stand) -> None:
    await stopped(stand)
    await asyncio.sleep(STOP_S)
    await going_on(stand)


async def stopped(stand: Stand) -> None:
    os.kill(stand.daemon.process_id, signal.SIGSTOP)


async def going_on(stand: Stand) -> None:
    os.kill(stand.daemon.process_id, signal.SIGCONT)


async def killed(stand: Stand) -> None:
    await stand.daemon.kill()


async def killed_over_and_over(stand: Stand) -> None:
    assert stand.stage is not None
    for _ in range(CRASHES):
        await stand.stage.restart(after_s=2)
        await stand.pass_time(5)


async def no_more_files(stand: Stand) -> None:
    """Let it open nothing any more, and let every venue hang up."""
    process_id = stand.daemon.process_id
    ceiling = resource.prlimit(process_id, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(process_id, resource.RLIMIT_NOFILE, (3, ceiling))
    stand.venue.infect(proxy.closing)


async def files_again(stand: Stand) -> None:
    process_id = stand.daemon.process_id
    ceiling = resource.prlimit(process_id, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(process_id, resource.RLIMIT_NOFILE, (min(1024, ceiling), ceiling))


async def clock_ahead(stand: Stand) -> None:
    stand.practice.server.ahead_us = AHEAD_US


async def clock_right(stand: Stand) -> None:
    stand.practice.server.ahead_us = 0


async def cut_off_from_all(stand: Stand) -> None:
    assert stand.cell is not None
    stand.cell.cut()


async def back_on_the_net(stand: Stand) -> None:
    assert stand.cell is not None
    stand.cell.mend()


STOP_S, CRASHES, AHEAD_US = 8.0, 5, 30_000_000

PROCESS = (
    Trial(
        name=f"stopped for {STOP_S:g} s (SIGSTOP)",
        place="process",
        begin=stopped_for_a_while,
        end=nothing,
        says="STOOD STILL",
        then="",
        real=True,
    ),
    Trial(
        name="stopped for good (SIGSTOP)",
        place="process",
        begin=stopped,
        end=going_on,
        then="STOOD STILL",
        road="pings",
        real=True,
    ),
    Trial(
        name="killed, and nobody starts it again",
        place="process",
        begin=killed,
        end=started,
        then="",
        road="pings",
        real=True,
    ),
    Trial(
        name=f"killed {CRASHES} times within a minute",
        place="process",
        begin=killed_over_and_over,
        end=nothing,
        says="SAFE MODE",
        then="",
    ),
    Trial(
        name="no file or socket to be had (RLIMIT_NOFILE)",
        place="process",
        begin=no_more_files,
        end=files_again,
        quick=True,
    ),
    Trial(
        name="no network at all",
        place="machine",
        begin=cut_off_from_all,
        end=back_on_the_net,
        then="",
        road="pings",
        real=True,
        celled=True,
        lacks=places.lacks_networks,
    ),
    Trial(
        name="the clock 30 s ahead",
        place="machine",
        begin=clock_ahead,
        end=clock_right,
        says="CLOCK OFF",
        then="",
    ),
)

TRIALS: tuple[Trial, ...] = (*VENUE, *CHAT, *TLS, *DISK, *PROCESS)
