"""
Scenario packs: what happened once, or could on any day, as a world, a path and its weather.

Rule: a pack is a plan like any other and is judged by the same oracles. Its faults are those of the
page on reliability (§4.3); what its path rests on is written beside the path (`scenes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from watcher.domain.alert import MINUTE_US
from watcher.domain.topup import Mode
from watcher.storm.scenes import (
    MAR12,
    MAR13,
    OCT10,
    Opened,
    crowd,
    depegged,
    falls,
    few,
    hidden,
    jumps,
    line,
    recorded_day,
    stormed,
    teeth,
)
from watcher.storm.trial import START_US, Plan
from watcher.storm.weather import Fault, Spell

CROWD_RUNS = 7
FAR = Decimal("0.08")
"""Accounts that begin at least this far from liquidation are owed ten minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """
    *opened* makes the world of a seed; *spells* count their times from the beginning of the run.

    `stormy`: in drawn weather besides. `money` says which accounts may be topped up, and how.
    `runs` seeds are played. `historic`: its lead times are reported. `long`: not played unless
    asked for.
    """

    name: str
    about: str
    hours: float
    opened: Opened
    stormy: bool = False
    money: Mapping[str, Mode] = field(default_factory=dict)
    spells: tuple[Spell, ...] = ()
    runs: int = 1
    historic: bool = False
    long: bool = False

    def plan(self, seed: int) -> Plan:
        spells = [
            replace(one, from_us=START_US + one.from_us, until_us=START_US + one.until_us)
            for one in self.spells
        ]
        return Plan(
            seed=seed,
            hours=self.hours,
            opened=self.opened,
            spells=tuple(spells),
            stormy=self.stormy,
            money=self.money,
        )


# ── the packs ───────────────────────────────────────────────────────────────────────────────


def _spell(fault: Fault, from_min: float, until_min: float, **more: object) -> Spell:
    spell = Spell(
        fault=fault, from_us=round(from_min * MINUTE_US), until_us=round(until_min * MINUTE_US)
    )
    return replace(spell, **more)  # type: ignore[arg-type]


SLIDE = falls((0, 0), (10, 0), (10 + 30 / 60, -13), (20, -13))
FALL_15 = falls((0, 0), (10, 0), (30, -15), (45, -12))
SINK = falls((0, 0), (3, 0), (36, -12))
FALL_10 = falls((0, 0), (10, 0), (40, -10), (60, -7))
THREE = (("binance", 0.12), ("bybit", 0.12), ("okx", 0.12))
SIX = tuple((venue, 0.125 + number / 100) for number, (venue, _) in enumerate(THREE * 2))

PACKS: Mapping[str, Pack] = {
    pack.name: pack
    for pack in (
        Pack(
            name="OCT10",
            about="2025-10-10: the cascade, venues that answer 503 or nought, a bent index",
            hours=2.9,
            opened=crowd(lambda: line(OCT10), 0.04, 0.24),
            spells=(
                _spell(Fault.SERVER_ERROR, 138, 171, share=0.3),
                _spell(Fault.GLITCH_ZERO, 138, 171, share=0.2),
                _spell(Fault.BENT_INDEX, 156, 174),
            ),
            runs=CROWD_RUNS,
            historic=True,
        ),
        Pack(
            name="MAR12",
            about="2020-03-12: a quarter of the price in three quarters of an hour",
            hours=1.1,
            opened=crowd(lambda: line(MAR12), 0.04, 0.26),
            runs=CROWD_RUNS,
            historic=True,
        ),
        Pack(
            name="MAR13",
            about="2020-03-13: a third of the price, and no venue at the bottom for 25 minutes",
            hours=3.9,
            opened=crowd(lambda: line(MAR13), 0.04, 0.40),
            spells=(_spell(Fault.TIMEOUT, 201, 226),),
            historic=True,
        ),
        Pack(
            name="JAN05",
            about="2022-01-05, recorded minutes from 19:30 UTC",
            hours=3.5,
            opened=crowd(lambda: recorded_day("2022-01-05_BTC-PERP_1m.csv", 90, 300), 0.03, 0.14),
            runs=CROWD_RUNS,
            historic=True,
            long=True,
        ),
        Pack(
            name="JAN21",
            about="2022-01-20 and 21, recorded minutes from 21:30 UTC",
            hours=6.75,
            opened=crowd(lambda: recorded_day("2022-01-21_BTC-PERP_1m.csv", 210, 620), 0.03, 0.18),
            runs=CROWD_RUNS,
            historic=True,
            long=True,
        ),
        Pack(
            name="BAN",
            about="the address banned for ten minutes of a fall by 15 %",
            hours=0.8,
            opened=few(FALL_15, ("binance", 0.14), ("binance", 0.19), ("bybit", 0.14)),
            spells=(_spell(Fault.BAN, 15, 25, target="binance"),),
        ),
        Pack(
            name="OKXGLITCH",
            about="a venue that tells a thousand times the equity, then nought, before a real fall",
            hours=1.0,
            opened=few(FALL_10, ("okx", 0.12), ("okx", 0.25), ("bybit", 0.12)),
            spells=(
                _spell(Fault.GLITCH_UP, 8, 10.5, target="okx", share=0.5, worst=True),
                _spell(Fault.GLITCH_ZERO, 10.5, 13, target="okx", share=0.5),
            ),
        ),
        Pack(
            name="HIDDEN",
            about="safe in one settle coin, near liquidation in another",
            hours=1.0,
            opened=hidden,
        ),
        Pack(
            name="MODE",
            about="accounts change their mode in the middle of a fall, and back",
            hours=1.0,
            opened=few(FALL_10, *THREE),
            spells=(_spell(Fault.MODE_SWITCH, 20, 30),),
        ),
        Pack(
            name="REVOKE",
            about="a key is taken back in a fall, and given again",
            hours=1.0,
            opened=few(FALL_10, *THREE),
            spells=(_spell(Fault.REVOKED, 15, 30, target="binance"),),
        ),
        Pack(
            name="DEPEG",
            about="collateral in a stable that loses a fifth of its price",
            hours=1.0,
            opened=depegged,
        ),
        Pack(
            name="SAWTOOTH",
            about="a price that crosses each line thirty times",
            hours=1.2,
            opened=few(teeth(Decimal("0.22")), ("binance", 0.22), ("bybit", 0.22)),
        ),
        Pack(
            name="MONEY",
            about="accounts that top themselves up, or ask, in a storm that strikes transfers too",
            hours=3.0,
            opened=stormed("binance", "bybit", "okx"),
            stormy=True,
            money={"binance": Mode.AUTO, "bybit": Mode.AUTO, "okx": Mode.ASK},
            runs=4,
        ),
        Pack(
            name="MOVES",
            about="fair weather, prices that sink through the triggers, and transfers gone wrong",
            hours=0.6,
            opened=few(SINK, *SIX),
            money={f"{venue}_{number}": Mode.AUTO for number, (venue, _) in enumerate(SIX)},
            runs=6,
        ),
        Pack(
            name="JUMPS",
            about="fair weather, and prices that are critical from one moment to the next",
            hours=2.0,
            opened=jumps,
            runs=2,
        ),
        Pack(
            name="APART",
            about="venues whose own figures are worse than what they hold comes to",
            hours=0.7,
            opened=few(falls((0, 0), (42, -3)), *((name, 0.145) for name, _ in THREE)),
            spells=(
                _spell(Fault.DIVERGENCE, 8, 14, target="binance"),
                _spell(Fault.DIVERGENCE, 20, 26, target="okx"),
                _spell(Fault.DIVERGENCE, 30, 36, target="bybit"),
            ),
        ),
        Pack(
            name="SLIDE30",
            about="from calm to liquidation in thirty seconds",
            hours=0.4,
            opened=few(SLIDE, *THREE),
        ),
    )
}
