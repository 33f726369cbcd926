"""A run of the storm made by hand: one long account, its price, what arrived, what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from tempfile import mkdtemp

from watcher.domain.alert import SECOND_US
from watcher.domain.road import Reach
from watcher.policy import messages as say
from watcher.ports import Key
from watcher.settings import Settings, load
from watcher.sim.default import empty_world, new_account
from watcher.sim.things import Account
from watcher.sim.world import World
from watcher.storm.chat import Arrived
from watcher.storm.history import History
from watcher.storm.journal import Journal
from watcher.storm.oracles import Oracle
from watcher.storm.people import Deed
from watcher.storm.truth import Apart, Truth
from watcher.storm.weather import Fault, Spell, Weather

NAME = "main"
ACK = (Key(label=say.BUTTON_ACK, token="t"),)


def long_world(away: float = 25.0, *, name: str = NAME) -> tuple[World, Account]:
    """Return a world with one long of 1 BTC on Bybit about *away* percent from liquidation."""
    world = empty_world(prices={"BTC": Decimal(100_000)})
    account = new_account(world, name, "bybit", "unified", {"unified": {"USDT": "0"}})
    world.set_position(account, "BTCUSDT", "long", Decimal(1), leverage=Decimal(10))
    low, high = Decimal(0), Decimal(100_000)
    for _ in range(40):
        account.wallet("unified")["USDT"] = (low + high) / 2
        world.set_prices({"BTC": Decimal(str(100_000 * (1 - away / 100)))})
        [pool] = world.pools(account, prices=False)
        if pool.equity > pool.requirement:
            high = account.balance("unified", "USDT")
        else:
            low = account.balance("unified", "USDT")
    world.set_prices({"BTC": Decimal(100_000)})
    return world, account


def settings_of(world: World) -> Settings:
    """Return the settings of a daemon that watches every account of *world*."""
    lines = ["[telegram]", "chat_id = 7", "allowed_users = [7]"]
    environ = {"WATCHER_TELEGRAM__BOT_TOKEN": "1:token-of-no-bot"}
    for one in world.accounts.values():
        lines += [f"[accounts.{one.name}]", f'venue = "{one.venue}"']
        prefix = f"WATCHER_ACCOUNTS__{one.name.upper()}__API_"
        environ |= {f"{prefix}KEY": one.key, f"{prefix}SECRET": one.secret}
        if one.passphrase:
            environ[f"WATCHER_ACCOUNTS__{one.name.upper()}__PASSWORD"] = one.passphrase
    config = Path(mkdtemp()) / "watcher.toml"
    config.write_text("\n".join(lines), encoding="utf-8")
    return load(config, environ=environ, flags={})


@dataclass
class Story:
    """Builds a `History` second by second; all times are seconds from its beginning."""

    away: float = 25.0
    until_s: float = 1200.0
    arrived: list[Arrived] = field(default_factory=list)
    spells: list[Spell] = field(default_factory=list)
    polls: list[tuple[str, int, bool]] = field(default_factory=list)
    apart: list[Apart] = field(default_factory=list)
    deeds: list[Deed] = field(default_factory=list)
    pings: list[tuple[int, bool, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    depegged: list[int] = field(default_factory=list)
    lives: Sequence[tuple[float, float]] = ()
    healed_s: float | None = None
    others: Sequence[str] = ()

    def __post_init__(self) -> None:
        self.world, self.account = long_world(self.away)
        for other in self.others:
            new_account(self.world, other, "okx", "multi", {"trading": {"USDT": "1000"}})
        self.settings = settings_of(self.world)
        self.from_us = self.world.now_us
        self.truth = Truth(self.world, self.settings)

    def us(self, at_s: float) -> int:
        return self.from_us + round(at_s * SECOND_US)

    def stands(self, distance: float, at_s: float) -> None:
        """Let the account be *distance* percent from liquidation from *at_s* on."""
        self.world.step(self.us(at_s))
        if self.truth.at(NAME, self.world.now_us).held:
            price = 100_000 * (1 - self.away / 100) / (1 - distance / 100)
            self.world.set_prices({"BTC": Decimal(str(round(price, 2)))})
            self.world.check()
        self.truth.look()

    def reads(self, from_s: float, until_s: float, *, every_s: float = 5.0) -> None:
        count = int((until_s - from_s) // every_s)
        self.polls += [(NAME, self.us(from_s + n * every_s), True) for n in range(count + 1)]

    def differs(self, from_s: float, until_s: float, share: float, value: float) -> None:
        """Let the venue count *share* less from *from_s* on, which leaves *value*."""
        self.apart += [
            Apart(account=name, at_us=at_us, share=share, value=value)
            for name, at_us, _ in self.polls
            if self.us(from_s) <= at_us <= self.us(until_s)
        ]
        self.breaks(Fault.DIVERGENCE, from_s, until_s, NAME)

    def says(
        self,
        at_s: float,
        text: str,
        *,
        road: Reach = Reach.CHAT,
        keys: tuple[Key, ...] = ACK,
        edited: bool = False,
    ) -> None:
        self.arrived.append(
            Arrived(
                at_us=self.us(at_s),
                road=road,
                text=text,
                silent=False,
                receipt=str(len(self.arrived)),
                keys=keys,
                edited=edited,
            )
        )

    def breaks(self, fault: Fault, from_s: float, until_s: float, target: str = "") -> None:
        spell = Spell(
            fault=fault, from_us=self.us(from_s), until_us=self.us(until_s), target=target
        )
        self.spells.append(spell)

    def history(self) -> History:
        until_us = self.us(self.until_s)
        self.world.step(until_us)
        self.truth.look()
        lives = self.lives or ((0.0, self.until_s),)
        return History(
            seed=1,
            settings=self.settings,
            from_us=self.from_us,
            healed_us=until_us if self.healed_s is None else self.us(self.healed_s),
            until_us=until_us,
            truth=self.truth,
            weather=Weather(self.spells, seed=1, now_us=lambda: self.world.now_us),
            arrived=sorted(self.arrived, key=lambda one: one.at_us),
            lives=tuple((self.us(born), self.us(died)) for born, died in lives),
            polls=tuple(sorted(self.polls, key=lambda one: one[1])),
            apart=tuple(self.apart),
            journal=Journal(lambda: self.world.now_us, self.from_us),
            errors=tuple(self.errors),
            presses=tuple(self.deeds),
            pings=tuple(self.pings),
            depegged=tuple(self.depegged),
        )


def danger(tier: str, distance: float, *, seq: int = 1, note: str = "", code: str = "K7F3") -> str:
    """Return what an alert of *tier* looks like on a screen."""
    after = f" ({note})" if note else ""
    return (
        f"🔴 {tier} #{code}·{seq} {NAME}{after}\n{distance} % from liquidation\n"
        f"1 s old; our model and Bybit agree to 0.1 %"
    )


def blind(seq: int = 1, *, code: str = "B1B2") -> str:
    return f"🟠 BLIND #{code}·{seq} {NAME}\nNo answer from Bybit for 40 s"


def broken(oracle: Oracle, history: History) -> list[str]:
    """Return the violations, of an oracle that had something to look at."""
    verdict = oracle(history)
    assert verdict.checks > 0
    return verdict.violations


def fallen(told_s: float | None, *, text: str = "") -> Story:
    """Return a story that falls to 5 % at 100 s, of which one word arrives."""
    story = Story()
    story.stands(25.0, 50)
    story.stands(5.0, 100)
    if told_s is not None:
        story.says(told_s, text or danger("CRITICAL", 5.0))
    story.reads(0, story.until_s)
    return story


def unseen(told_s: float | None) -> Story:
    """Return a story at 10 % (S is 40 s) that is not read from 100 s to 400 s."""
    story = Story()
    story.stands(10.0, 20)
    story.reads(0, 100)
    story.reads(400, story.until_s)
    if told_s is not None:
        story.says(told_s, blind())
    story.breaks(Fault.TIMEOUT, 100, 399, NAME)
    return story
