"""
Running the practice exchange: serve a world, print a ready config, wait for a signal.

Rule: what is printed on standard output is a valid configuration file; secrets are comment lines
one can paste into a shell, never keys of the file. The wall clock is handed in; in lockstep there
is none.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from watcher.sim.bot_api import BotApi
from watcher.sim.default import CHAT_ID, bot_token, default_price, default_world, wires
from watcher.sim.market import JumpDiffusion, recorded_file
from watcher.sim.server import PracticeServer
from watcher.sim.things import ONE, WorldError
from watcher.sim.wire import Wire
from watcher.sim.world import World

FINE, TROUBLE, REFUSED = 0, 1, 2
SECRET_MODE = 0o600
FOLDER_MODE = 0o700
MARK = "# Written by `watcher practice`, anew at each start: copy what you want to keep.\n"
"""By its first line a file of ours is known; no other is written over."""


class NotOurs(Exception):
    """What stands in the folder is somebody's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """A world being served."""

    world: World
    bot: BotApi
    server: PracticeServer

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def close(self) -> None:
        await self.server.close()


async def serve(
    world: World,
    *,
    port: int = 0,
    lockstep: bool = False,
    speed: float | None = None,
    wall_ns: Callable[[], int] = time.time_ns,
    faces: Sequence[Wire] | None = None,
) -> Practice:
    """
    Serve *world* on 127.0.0.1, through *faces* instead of the venues' usual ones if given.

    In lockstep only `/clock/advance` moves time; else the world begins at the wall clock and
    follows it. *speed*: how much faster than the clock its price path runs.

    Raises: `OSError` when the port is taken.
    """
    if not lockstep:
        world.rebase(wall_ns() // 1000)
    if speed is not None:
        world.speed = Decimal(repr(speed))
    bot = BotApi(world, token=bot_token(world.seed), chats=(CHAT_ID,))
    server = PracticeServer(
        world,
        wires=wires() if faces is None else faces,
        bot=bot,
        wall_us=None if lockstep else lambda: wall_ns() // 1000,
    )
    await server.start(port)
    return Practice(world=world, bot=bot, server=server)


# ── the ready config ───────────────────────────────────────────────────────────────────────


def practice_config(
    practice: Practice, *, state_dir: str = "state", only: Collection[str] | None = None
) -> tuple[str, dict[str, str]]:
    """Return a configuration for all accounts (or *only* some) and secrets by environment name."""
    lines = [
        f'state_dir = "{state_dir}"',
        "",
        "[telegram]",
        f"chat_id = {CHAT_ID}",
        f"allowed_users = [{CHAT_ID}]",
        "proof_of_life = false",
        f'endpoint = "{practice.url}"',
    ]
    secrets = {"WATCHER_TELEGRAM__BOT_TOKEN": practice.bot.token}
    for name, account in practice.world.accounts.items():
        if only is not None and name not in only:
            continue
        lines += ["", f"[accounts.{name}]", f'venue = "{account.venue}"']
        lines.append(f'endpoint = "{practice.url}"')
        prefix = f"WATCHER_ACCOUNTS__{name.upper()}__"
        secrets[f"{prefix}API_KEY"] = account.key
        secrets[f"{prefix}API_SECRET"] = account.secret
        if account.passphrase:
            secrets[f"{prefix}PASSWORD"] = account.passphrase
    return "\n".join(lines) + "\n", secrets


def write_config(practice: Practice, folder: Path, *, only: Collection[str] | None = None) -> Path:
    """
    Write watcher.toml and the folder `secrets` beside it (0600), and return the file's path.

    Raises: `NotOurs` where either would replace what a practice exchange did not write.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = str(folder.resolve() / "state").replace("\\", "\\\\").replace('"', '\\"')
    config, kept = practice_config(practice, state_dir=state, only=only)
    target = folder / "watcher.toml"
    hidden = folder / "secrets"
    _look_whose(target, [hidden / name.lower() for name in kept])
    target.write_text(MARK + config, encoding="utf-8")
    hidden.mkdir(mode=FOLDER_MODE, exist_ok=True)
    for name, value in kept.items():
        one = hidden / name.lower()
        one.touch(mode=SECRET_MODE)
        one.chmod(SECRET_MODE)
        one.write_text(value + "\n", encoding="utf-8")
    return target


def _look_whose(target: Path, secrets: Sequence[Path]) -> None:
    if target.exists():
        if not _is_ours(target.read_text(encoding="utf-8", errors="replace")):
            raise NotOurs(target.name)
        return
    # a set-up that was broken off has secrets before it has a file
    for secret in secrets:
        if secret.exists():
            raise NotOurs(f"{secret.parent.name}/{secret.name}")


def _is_ours(text: str) -> bool:
    if not text.startswith(MARK):
        return False
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    # one that leads to Telegram or a venue by now is in real use, whoever wrote its first line
    tables = [found.get("telegram", {}), *found.get("accounts", {}).values()]
    return all("endpoint" in table for table in tables)


_EXAMPLES: Mapping[str, Mapping[str, object]] = {
    "price": {"BTC": "95000"},
    "position": {
        "account": "bybit_main",
        "symbol": "BTCUSDT",
        "side": "long",
        "quantity": "1.0",
    },
    "transfer": {
        "account": "bybit_main",
        "asset": "USDT",
        "amount": "5000",
        "from": "funding",
        "to": "unified",
    },
    "fault": {"target": "bybit", "kind": "http", "status": 503, "seconds": 60},
    "freeze": {"target": "binance", "on": True},
    "rights": {"account": "bybit_main", "withdraw": True},
    "say": {"user_id": CHAT_ID, "chat_id": CHAT_ID, "text": "/status"},
}


def printed_config(practice: Practice, folder: Path | None) -> str:
    """Return what `watcher practice` prints: valid TOML, everything else as comments."""
    config, kept = practice_config(practice)
    file = "watcher.toml" if folder is None else str(folder / "watcher.toml")
    where = f"save this as {file}" if folder is None else f"written to {file}, secrets beside it"
    url, clock = practice.url, ""
    if practice.server.lockstep:
        clock = f" --clock {url}/clock"
    notes = [
        f"# The practice exchange listens on {url}; {where}.",
        "# Secrets come from the environment, or from the folder `secrets` beside the file:",
        *(f"# export {name}={value}" for name, value in kept.items()),
        "#",
        f"# watcher check --config {file}{clock}",
        f"# watcher run --config {file}{clock}",
        "#",
        f"# curl -s {url}/control/state",
        f"# curl -s '{url}/control/messages?after=0'",
        *(
            f"# curl -s {url}/control/{name} -d '{json.dumps(body)}'"
            for name, body in _EXAMPLES.items()
        ),
        "",
    ]
    return "\n".join(notes) + "\n" + config


# ── running alone ──────────────────────────────────────────────────────────────────────────


def run_practice(
    *,
    port: int = 0,
    prices: Path | None = None,
    underlying: str = "BTC",
    speed: float = 1.0,
    lockstep: bool = False,
    seed: int | None = None,
    folder: Path | None = None,
) -> int:
    """
    Serve the default world until SIGTERM or SIGINT and return the exit code.

    *prices*: a CSV of minutes that *underlying* follows at *speed*. *seed* without *prices*: a
    drawn market of that seed. Neither: prices stand still until the control endpoint moves them.
    """
    try:
        world = practice_world(prices=prices, underlying=underlying, speed=speed, seed=seed)
    except (WorldError, OSError) as found:
        sys.stderr.write(f"watcher practice: {found}\n")
        return REFUSED
    return asyncio.run(
        _until_signal(world, port=port, speed=speed, lockstep=lockstep, folder=folder)
    )


def practice_world(
    *, prices: Path | None, underlying: str, speed: float, seed: int | None
) -> World:
    """
    Return the default world with its price path.

    With a file the world starts at the file's first price, all accounts scaled to it, and the
    other coins move in proportion (drawn: the file knows only *underlying*).

    Raises: `WorldError`, `OSError`.
    """
    if not 0 < speed <= 100_000:
        raise WorldError(f"speed: found {speed}, expected more than 0 and at most 100000")
    factor = Decimal(repr(speed))
    if prices is not None:
        first = recorded_file(prices, underlying).prices_at(0)[underlying]
        world = default_world(seed or 0, scale=first / default_price(underlying))
        others = {name: (price, ONE) for name, price in world.prices.items() if name != underlying}
        world.follow(recorded_file(prices, underlying, followers=others), speed=factor)
        return world
    world = default_world(seed or 0)
    if seed is not None:
        world.follow(JumpDiffusion(world.prices, seed=seed), speed=factor)
    return world


async def _until_signal(
    world: World, *, port: int, speed: float, lockstep: bool, folder: Path | None
) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    try:
        practice = await serve(world, port=port, lockstep=lockstep, speed=speed)
    except OSError as found:
        reason = found.strerror or str(found)
        sys.stderr.write(
            f"watcher practice: cannot listen on 127.0.0.1:{port}: {reason.lower()}; name another "
            "--port, or none for a free one\n"
        )
        return TROUBLE
    try:
        if folder is not None:
            try:
                write_config(practice, folder)
            except NotOurs as found:
                sys.stderr.write(
                    f"watcher practice: --folder {folder}: found a {found} it did not write, "
                    "expected a folder of its own; nothing there was changed\n"
                )
                return REFUSED
            except OSError as found:
                reason = (found.strerror or "unwritable").lower()
                sys.stderr.write(
                    f"watcher practice: --folder {folder}: {reason}, expected one of its own\n"
                )
                return REFUSED
        sys.stdout.write(printed_config(practice, folder))
        sys.stdout.flush()
        await stop.wait()
    finally:
        await practice.close()
    return FINE
