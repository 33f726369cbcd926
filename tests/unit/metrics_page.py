"""The page of numbers over a made-up service: collected, rendered, read back as a scraper does."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from prometheus_client import Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.service_stand_ins import START_US, in_world, rules
from watcher.channels.metrics import families_of
from watcher.domain.alert import SECOND_US, AccountState, DangerState, Sample, Tier
from watcher.domain.gauges import Gauges, WeightGauge
from watcher.domain.road import Reach
from watcher.domain.sign import Sign
from watcher.ports import StoreError, Traffic
from watcher.service.clock import SteppedClock
from watcher.service.gauges import Books, Collector, Sources
from watcher.service.tally import Tally

BUILD = {"version": "1.2.3", "python": "3.12.0", "ccxt": "4.5.90"}


def sample(pool: str, age_s: float = 4.0, **figures: float | None) -> Sample:
    known = {"distance": 6.5, "health": 12.0, "margin_level": None, **figures}
    at_us = START_US - round(age_s * SECOND_US)
    return Sample(pool=pool, at_us=at_us, equity=1234.5, tier=Tier.WARNING, **known)


class Account:
    def __init__(self, *samples: Sample, age_s: float | None = 4.0, **state: Any) -> None:
        read_us = None if age_s is None else START_US - round(age_s * SECOND_US)
        self.rules = rules()
        self.tally = Tally()
        self.state = AccountState(account="main", last_good_at_us=read_us, recent=samples, **state)


class Well:
    """What the rest of the service says while all is well."""

    faults: Mapping[str, object] = {}
    looked_us: int | None = START_US
    count = 3
    active = False
    road = Reach.CHAT

    def __init__(self) -> None:
        self.failures = 7

    @property
    def sender(self) -> Well:
        return self

    def p99_s(self) -> float:
        return 0.02

    async def sign(self, now: object, faults: Any) -> Sign:
        return Sign(at_us=1, wrong=tuple(faults), accounts=1)


def books(**facts: Any) -> Callable[[], Awaitable[Books]]:
    async def read() -> Books:
        return Books(**{"traffic": {}, "flags": {}, "open": (), **facts})

    return read


async def broken_books() -> Books:
    raise StoreError("disk full")


def collected(account: Account, **more: Any) -> Gauges:
    found: list[Gauges] = []

    async def story(clock: SteppedClock) -> None:
        well = Well()
        given: dict[str, Any] = {
            "proof": well,
            "watchdog": well,
            "watched": {"main": account},
            "deliverers": [well],
            "books": books(),
            "weights": list,
            "funded": (),
            "killed": lambda: False,
            "lag": well,
            "resident": lambda: 120_000_000,
            "safe_mode": well,
            **more,
        }
        found.append(await Collector(Sources(**given), clock).gauges())

    in_world(story)
    return found[0]


class Rendered:
    """The page as a scraper reads it."""

    def __init__(self, gauges: Gauges) -> None:
        class Families:
            def collect(self) -> list[Metric]:
                return list(families_of(gauges, BUILD, START_US))

        self.text = generate_latest(Families()).decode()  # type: ignore[arg-type]  # all it needs
        self.families = list(text_string_to_metric_families(self.text))

    def __getitem__(self, name: str) -> dict[tuple[str, ...], float]:
        return {
            tuple(sorted(one.labels.values())): one.value
            for family in self.families
            for one in family.samples
            if one.name == name
        }

    @property
    def names(self) -> set[str]:
        return {one.name for family in self.families for one in family.samples}


def page(account: Account, **more: Any) -> Rendered:
    return Rendered(collected(account, **more))


def everything() -> Gauges:
    """Return numbers of which each is known."""
    account = Account(
        sample("unified", margin_level=230.0),
        dangers={"unified": DangerState(pool="unified", tier=Tier.WARNING)},
    )
    account.tally.took(0.2)
    watchdog = Well()
    watchdog.faults = {"lag": 1}
    return collected(
        account,
        watchdog=watchdog,
        books=books(traffic={Reach.CHAT: Traffic(delivered_us=START_US)}),
        weights=lambda: [WeightGauge(venue="bybit", endpoint="", budget="ip", used=10, limit=600)],
        funded=("main",),
    )


class Says:
    """The `Shown` port: the same numbers each time, and how often they were asked for."""

    def __init__(self, wrong: tuple[str, ...] = ()) -> None:
        self.asked = 0
        self.numbers = collected(Account(sample("unified")))
        self.numbers = replace(self.numbers, sign=Sign(at_us=1, wrong=wrong))

    async def gauges(self) -> Gauges:
        self.asked += 1
        return self.numbers


def free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return int(line.getsockname()[1])
