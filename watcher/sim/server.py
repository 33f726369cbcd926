"""
The practice exchange on one loopback port: venues, Bot API, control endpoint, clock.

Rule: this file carries bytes. It reads a request, lets standing faults and freezes have their
say, asks the wire (or bot, control, clock) for the answer and sends it. World time stamps every
answer: the wall clock's, or in lockstep the time the world was last advanced to.

In lockstep only `/clock/advance` moves time, slice by slice; `hold` lets the host program stop
or delay it, so that something can be done to the daemon in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import parse_qsl, unquote

import orjson
from aiohttp import web

from watcher.sim import faults
from watcher.sim.bot_api import BotApi
from watcher.sim.bot_fallback import NOTIFY_PATH, Fallback
from watcher.sim.bot_words import trouble
from watcher.sim.control import Control, Tally
from watcher.sim.desk import CutOff
from watcher.sim.heartbeat import PING_PATH, Pings
from watcher.sim.things import Account, WorldError
from watcher.sim.wire import Call, Reply, Wire, encoded
from watcher.sim.world import SECOND_US, World

TICK_S = 0.05
SLICES_PER_TURN = 200
UNSIGNED = ("timestamp", "signature", "recvWindow")
HANG_S_MAX = 3600.0


class PracticeServer:
    """
    One server over one world.

    *wall_us* gives the wall clock in microseconds; None: lockstep. `on_reply` callbacks see
    (venue, path, account name or "") after each answer was made. `hold` is awaited with the time
    an advance asks for and returns the time it may reach. `ahead_us` is how far, in lockstep, the
    clock of the daemon's machine is ahead of the world's.
    """

    def __init__(
        self,
        world: World,
        *,
        wires: Sequence[Wire],
        bot: BotApi,
        wall_us: Callable[[], int] | None = None,
    ) -> None:
        self.world = world
        self.bot = bot
        self.fallback = Fallback(world)
        self.pings = Pings(world)
        self.faults = faults.FaultBook()
        self.frozen: set[str] = set()
        self.tallies: dict[tuple[str, str], Tally] = {}
        self.on_reply: list[Callable[[str, str, str], None]] = []
        self.ahead_us = 0
        self.hold: Callable[[int], Awaitable[int]] | None = None
        self._wall_us = wall_us
        self._wires = [(prefix, wire) for wire in wires for prefix in wire.prefixes]
        self._last: dict[tuple[str, ...], Reply] = {}
        self._released = asyncio.Event()
        self._advancing = asyncio.Lock()
        self._control = Control(self)
        self._runner: web.AppRunner | None = None
        self._ticker: asyncio.Task[None] | None = None
        self.port = 0

    @property
    def lockstep(self) -> bool:
        return self._wall_us is None

    # ── running ────────────────────────────────────────────────────────────────────────────

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1; port 0 takes a free one. Raises: `OSError` when it is taken."""
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_route("*", "/{tail:.*}", self._answer)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.port = int(self._runner.addresses[0][1])
        if not self.lockstep:
            self._ticker = asyncio.create_task(self._tick())

    async def close(self) -> None:
        self.release()
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.gather(self._ticker, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()

    async def _tick(self) -> None:
        while True:
            self.now()
            await asyncio.sleep(TICK_S)

    def now(self) -> int:
        """Bring the world up to the present and return its time."""
        if self._wall_us is not None:
            self.world.step(self._wall_us())
        return self.world.now_us

    def release(self) -> None:
        """Let requests go that a `timeout` fault holds."""
        self._released.set()
        self._released = asyncio.Event()

    async def advance(self, until_us: int) -> int:
        """Step the world towards *until_us* in slices and return the time it reached."""
        async with self._advancing:
            limit = until_us if self.hold is None else min(until_us, await self.hold(until_us))
            slices = 0
            while self.world.now_us < limit:
                self.world.step_once(limit)
                slices += 1
                if slices % SLICES_PER_TURN == 0:
                    await asyncio.sleep(0)
            return self.world.now_us

    # ── requests ───────────────────────────────────────────────────────────────────────────

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path, _, raw_query = request.raw_path.partition("?")
        path = unquote(path)
        # a form with files is read in `_form`, which needs it unread
        plain = request.can_read_body and not request.content_type.startswith("multipart/")
        body = await request.read() if plain else b""
        self.now()
        if path.startswith(("/control/", "/clock/")):
            return _sent(await self._home(request.method, path, raw_query, body))
        call = Call(
            method=request.method,
            path=path,
            query=dict(parse_qsl(raw_query, keep_blank_values=True)),
            raw_query=raw_query,
            body=body,
            headers={name.lower(): value for name, value in request.headers.items()},
        )
        if path.startswith("/bot"):
            return await self._bot_answer(request, call)
        if path.startswith(NOTIFY_PATH):
            return await self._road_answer(request, call, "fallback", self.fallback.handle)
        if path.startswith(PING_PATH):
            return await self._road_answer(request, call, "ping", self.pings.handle)
        for prefix, wire in self._wires:
            if path.startswith(prefix):
                return await self._venue_answer(request, call, wire)
        return _sent(Reply(payload={"error": f"nothing is served at {path}"}, status=404))

    async def _home(self, method: str, path: str, raw_query: str, body: bytes) -> Reply:
        try:
            if path == "/clock/now":
                return Reply(payload={"now_us": self.world.now_us + self.ahead_us})
            if path == "/clock/advance":
                return await self._advance_call(body)
            return self._control.handle(method, path, raw_query, body)
        except (WorldError, ValueError, ArithmeticError, KeyError, TypeError) as found:
            # whatever was wrong with it, the caller is told and the practice goes on
            reason = str(found) or type(found).__name__
            return Reply(payload={"error": reason}, status=400)

    async def _advance_call(self, body: bytes) -> Reply:
        if not self.lockstep:
            raise WorldError("clock/advance: only a practice started with lockstep can be advanced")
        asked = orjson.loads(body) if body else {}
        until = asked.get("until_us") if isinstance(asked, dict) else None
        if not isinstance(until, int):
            raise WorldError('clock/advance: expected {"until_us": microseconds}')
        now_us = await self.advance(until - self.ahead_us)
        return Reply(payload={"now_us": now_us + self.ahead_us})

    # ── venues ─────────────────────────────────────────────────────────────────────────────

    async def _venue_answer(
        self, request: web.Request, call: Call, wire: Wire
    ) -> web.StreamResponse:
        account = self.world.by_key(wire.venue, call.headers.get(wire.key_header, ""))
        name = "" if account is None else account.name
        fault = self.faults.take((wire.venue, name), call.path, self.world.now_us)
        if fault is not None and fault.kind in faults.SILENT:
            self._count(wire.venue, call.path, 0, refused=True)
            return await self._no_answer(request, fault)
        try:
            reply = self._venue_reply(call, wire, account, fault)
        except CutOff as cut:
            self._count(wire.venue, call.path, 1, refused=True)
            return await self._cut_off(request, cut)
        self._count(wire.venue, call.path, reply.weight, refused=reply.status >= 400)
        for listener in self.on_reply:
            listener(wire.venue, call.path, name)
        return _sent(reply)

    def _venue_reply(
        self, call: Call, wire: Wire, account: Account | None, fault: faults.Fault | None
    ) -> Reply:
        if fault is not None:
            if fault.kind in faults.TROUBLES:
                return self._trouble(wire, fault)
            other = faults.instead(fault)
            if other is not None:
                return other
        reply = self._true_reply(call, wire, account)
        if fault is not None and reply.status == 200:
            return faults.spoiled(fault, reply, private=account is not None)
        return reply

    def _trouble(self, wire: Wire, fault: faults.Fault) -> Reply:
        for kind in ("rate_limit", "ban", "maintenance", "revoked"):
            if fault.kind == kind:
                wait = fault.retry_after_s
                if kind == "ban" and fault.until_us is not None:
                    wait = (fault.until_us - self.world.now_us) / SECOND_US
                return wire.refuse(kind, self.world, retry_after_s=wait)
        raise AssertionError(fault.kind)

    def _true_reply(self, call: Call, wire: Wire, account: Account | None) -> Reply:
        name = "" if account is None else account.name
        asked = sorted(pair for pair in call.query.items() if pair[0] not in UNSIGNED)
        key = (wire.venue, name, call.method, call.path, repr(asked))
        if call.method == "GET" and self.frozen & {wire.venue, name} and key in self._last:
            return self._last[key]
        reply = wire.handle(call, self.world, account)
        if reply.status == 200 and call.method == "GET":
            if not isinstance(reply.payload, bytes):
                reply = Reply(
                    payload=encoded(reply.payload),
                    headers=reply.headers,
                    weight=reply.weight,
                    content_type=reply.content_type,
                )
            self._last[key] = reply
        return reply

    def _count(self, venue: str, path: str, weight: int, *, refused: bool) -> None:
        tally = self.tallies.setdefault((venue, path), Tally())
        tally.count += 1
        tally.weight += weight
        tally.refused += refused

    async def _cut_off(self, request: web.Request, cut: CutOff) -> web.StreamResponse:
        if cut.status is None:
            return await self._no_answer(request, faults.Fault(target="", kind="dropped"))
        spoken = faults.instead(faults.Fault(target="", kind="http", status=cut.status))
        assert spoken is not None
        return _sent(spoken)

    async def _no_answer(self, request: web.Request, fault: faults.Fault) -> web.StreamResponse:
        if fault.kind in faults.HELD:
            released = self._released
            try:
                async with asyncio.timeout(HANG_S_MAX):
                    await released.wait()
            except TimeoutError:
                pass  # longer than any caller waits: let go of the connection
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=503)

    # ── roads to a person ──────────────────────────────────────────────────────────────────

    async def _bot_answer(self, request: web.Request, call: Call) -> web.StreamResponse:
        token, _, method = call.path.removeprefix("/bot").partition("/")
        params, files = await _form(request, call)
        fault = self.faults.take(("bot",), call.path, self.world.now_us)
        self._count("bot", f"/{method}", 1, refused=fault is not None)
        said = None if fault is None else trouble(fault.kind, fault.status, fault.retry_after_s)
        if said is not None:
            return _sent(said.reply())
        return await self._far_answer(
            request, fault, lambda: self.bot.handle(token, method, params, files)
        )

    async def _road_answer(
        self,
        request: web.Request,
        call: Call,
        target: str,
        handle: Callable[[Call], Reply],
    ) -> web.StreamResponse:
        fault = self.faults.take((target,), call.path, self.world.now_us)
        self._count(target, call.path, 1, refused=fault is not None)

        async def answer() -> Reply:
            return handle(call)

        return await self._far_answer(request, fault, answer)

    async def _far_answer(
        self,
        request: web.Request,
        fault: faults.Fault | None,
        answer: Callable[[], Awaitable[Reply]],
    ) -> web.StreamResponse:
        if fault is None:
            return _sent(await answer())
        if fault.kind in faults.ACCEPTED:
            # accepted, and the answer lost: what a sender must never take for a failure
            await answer()
        if fault.kind in faults.SILENT:
            return await self._no_answer(request, fault)
        other = faults.instead(fault)
        if other is not None:
            return _sent(other)
        return _sent(faults.spoiled(fault, await answer(), private=False))


async def _form(request: web.Request, call: Call) -> tuple[Mapping[str, str], Mapping[str, bytes]]:
    """Return a Bot API call's parameters, whichever of their four shapes they have, and files."""
    params = dict(call.query)
    files: dict[str, bytes] = {}
    kind = request.content_type
    if kind == "application/json" and call.body:
        body = orjson.loads(call.body)
        params |= {
            name: value if isinstance(value, str) else orjson.dumps(value).decode()
            for name, value in body.items()
        }
    elif kind == "multipart/form-data":
        form = await request.post()
        params |= {name: v for name, v in form.items() if isinstance(v, str)}
        files = {n: v.file.read() for n, v in form.items() if isinstance(v, web.FileField)}
    else:
        params |= dict(parse_qsl(call.body.decode(), keep_blank_values=True))
    return params, files


def _sent(reply: Reply) -> web.Response:
    return web.Response(
        body=encoded(reply.payload),
        status=reply.status,
        headers=dict(reply.headers),
        content_type=reply.content_type,
    )
