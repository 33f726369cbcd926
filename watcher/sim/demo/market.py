"""
The sell-off of the demo: recorded minutes of BTC, drawn company for it, a drawn end.

Rule: what is a fact and what is drawn is written here and printed by the demo. Recorded: every
minute (open, low, high, close) of the BTC perpetual from 2022-01-20 19:00 to 2022-01-21 22:49 UTC,
43,073 to 35,633. Drawn: the order inside a minute, ETH and SOL (BTC's moves times a beta plus
seeded noise), and the last fall and rebound after the record. The record runs `TIMES` as fast.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from decimal import Decimal
from importlib import resources

from watcher.sim.market import Scripted, read_bars
from watcher.sim.world import SECOND_US

RECORD = "2022-01-20_BTC-PERP_1m.csv"
TIMES = 30
MINUTE_US = 60 * SECOND_US
BAR_US = MINUTE_US // TIMES
BETAS = {"ETH": 1.3, "SOL": 1.45}
STARTS = {"BTC": 43_073.0, "ETH": 3180.0, "SOL": 139.5}
NOISE = 0.0006
NOISE_DECAY = 0.02
LAST_FALL = 0.055
LAST_FALL_US = 12 * MINUTE_US
CALM_US = 9 * MINUTE_US
REBOUND = 0.08
CENT = Decimal("0.01")
FACTS = (
    "recorded: BTC, every minute of 2022-01-20 19:00 to 2022-01-21 22:49 UTC (43,073 to 35,633), "
    f"replayed {TIMES} times as fast"
)
DRAWN = (
    "drawn:    ETH and SOL (beta 1.3 and 1.45 to BTC, seeded noise), the order inside a minute, "
    f"a last fall of {LAST_FALL:.1%} in {LAST_FALL_US // MINUTE_US} min after the record and a "
    f"rebound of {REBOUND:.0%} in {CALM_US // MINUTE_US} min, the accounts, the people"
)


def sell_off(seed: int) -> tuple[Scripted, int]:
    """Return the path and the elapsed time at which the record ends and the drawn part begins."""
    text = (resources.files("watcher.sim") / "data" / RECORD).read_text(encoding="utf-8")
    btc: list[tuple[int, float]] = []
    for number, bar in enumerate(read_bars(text, RECORD)):
        for quarter, price in enumerate(bar.points()):
            btc.append((number * BAR_US + quarter * BAR_US // 4, float(price)))
    record_end = btc[-1][0]
    bottom = btc[-1][1] * (1 - LAST_FALL)
    btc.append((record_end + LAST_FALL_US, bottom))
    btc.append((record_end + LAST_FALL_US + CALM_US, bottom * (1 + REBOUND)))
    return Scripted(_with_company(btc, random.Random(seed))), record_end


def _with_company(
    btc: list[tuple[int, float]], chance: random.Random
) -> list[tuple[int, Mapping[str, Decimal]]]:
    """Return the points with ETH and SOL: a power of BTC's move, times a wandering factor."""
    wander = dict.fromkeys(BETAS, 0.0)
    points: list[tuple[int, Mapping[str, Decimal]]] = []
    for at, price in btc:
        prices = {"BTC": _cents(price)}
        for coin, beta in BETAS.items():
            wander[coin] += chance.gauss(0.0, NOISE) - NOISE_DECAY * wander[coin]
            move = (price / STARTS["BTC"]) ** beta
            prices[coin] = _cents(STARTS[coin] * move * (1 + wander[coin]))
        points.append((at, prices))
    return points


def _cents(price: float) -> Decimal:
    return Decimal(repr(price)).quantize(CENT)
