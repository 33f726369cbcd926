"""
The tables of an account about money: `top_up` (what may be moved, when, how much) and `money` (a
key of its own for it).

Rule: absent is off. What is set is read like every threshold: with its unit. The closed list of
ways is the venue's (`watcher.venues.ROADS`). In ask and auto every cap must stand in the file;
nothing that moves money has a default that would move more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from watcher.domain.alert import Measure
from watcher.domain.topup import Mode, Verb
from watcher.margin.movers import is_stable
from watcher.settings.problems import Misread, nearest_of
from watcher.settings.table import Table, Whole, span_within
from watcher.settings.units import duration_us, plain, quoted
from watcher.venues import ROADS, Road

TARGET_BEYOND_MIN = 1.1
"""A target this much beyond its trigger: nearer, one top-up would call for the next."""
ASSETS_MAX = 5
WEEK_DAYS = 3
"""A week that is not capped itself holds this many full days."""

_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s+([A-Z0-9]{2,12})")
_GOAL = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([%x])")
_GOALS_MAX = {"%": 10_000.0, "x": 1_000.0}
"""More is a typing error: chased after, it would take every cap to its end."""
_FIVE_MINUTES: Any = "5m"


@dataclass(frozen=True, slots=True)
class Sum:
    """An amount with the asset it is in."""

    value: Decimal
    asset: str

    def __str__(self) -> str:
        return f"{self.value:f} {self.asset}"


@dataclass(frozen=True, slots=True)
class Goal:
    """A value of one measure: distance and margin level in percent, health as is."""

    measure: Measure
    value: float

    def __str__(self) -> str:
        return f"{plain(self.value)}{'x' if self.measure is Measure.HEALTH else '%'}"


def _sum(value: object) -> object:
    if isinstance(value, Sum) or value is None:
        return value
    expected = 'an amount with its asset, such as "500 USDT"'
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise Misread(f"the bare number {value}", expected, f'"{value} USDT"')
    found = _AMOUNT.fullmatch(value.strip().upper()) if isinstance(value, str) else None
    if found is None:
        raise Misread(quoted(value), expected)
    return Sum(Decimal(found[1]), found[2])


def _cap(value: object) -> object:
    found = _sum(value)
    if isinstance(found, Sum) and found.value <= 0:
        raise Misread(quoted(str(found)), "an amount above 0; to move nothing, leave top_up out")
    return found


def _goal(value: object) -> object:
    if isinstance(value, Goal):
        return value
    expected = 'a value with its unit: "10%" (distance), "140%" (margin level) or "1.50x" (health)'
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise Misread(f"the bare number {plain(value)}", expected)
    found = _GOAL.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or float(found[1]) <= 0:
        raise Misread(quoted(value), expected)
    number = float(found[1])
    if not number <= _GOALS_MAX[found[2]] or f"{number:g}{found[2]}" == "100%":
        raise Misread(quoted(value), f"{expected}, such as people reach")
    if found[2] == "x":
        if number <= 1:
            raise Misread(quoted(value), f"{expected}; 1.00x is liquidation")
        return Goal(Measure.HEALTH, number)
    # no distance reaches 100 %, no margin level of a living account is below
    return Goal(Measure.MARGIN_LEVEL if number > 100 else Measure.DISTANCE, number)  # noqa: PLR2004 - percent


def _assets(value: object) -> object:
    expected = 'an asset such as "USDT", or a list such as ["USDT", "USDC"]'
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not 0 < len(items) <= ASSETS_MAX:
        raise Misread(quoted(value), expected)
    names = []
    for item in items:
        name = item.strip().upper() if isinstance(item, str) else ""
        if re.fullmatch(r"[A-Z0-9]{2,12}", name) is None or name in names:
            raise Misread(quoted(item), expected)
        names.append(name)
    return tuple(names)


def _verbs(value: object) -> object:
    known = [verb.value for verb in Verb]
    expected = f"a list of {', '.join(known)}"
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not items:
        raise Misread(quoted(value), expected)
    for item in items:
        if str(item) not in known:
            near = nearest_of(str(item), known)
            raise Misread(quoted(item), expected, f'"{near}"' if near else None)
    return tuple(Verb(str(item)) for item in dict.fromkeys(items))


Amount = Annotated[Sum | None, BeforeValidator(_sum)]
Cap = Annotated[Sum | None, BeforeValidator(_cap)]
Aim = Annotated[Goal, BeforeValidator(_goal)]
Cooldown = Annotated[int, BeforeValidator(duration_us), span_within("1m", "1d")]


class Money(Table):
    """A key that may transfer but not withdraw, apart from the one that reads."""

    api_key: SecretStr | None = Field(default=None, description="a key that may transfer (secret)")
    api_secret: SecretStr | None = Field(default=None, description="its secret (secret)")
    password: SecretStr | None = Field(default=None, description="OKX's passphrase (secret)")


class TopUp(Table):
    mode: Mode = Field(default=Mode.DRY_RUN, description=", ".join(mode.value for mode in Mode))
    asset: Annotated[tuple[str, ...], BeforeValidator(_assets)] = Field(
        description="what may be moved: one asset, or a list of them with caps in USD"
    )
    source: str | None = Field(
        default=None, alias="from", description="the wallet it comes from; needed to move"
    )
    destination: str = Field(alias="to", description="the pool it goes to")
    verbs: Annotated[tuple[Verb, ...], BeforeValidator(_verbs)] = Field(
        default=(Verb.MOVE,),
        description="move between wallets, add_margin to isolated positions, repay debt",
    )
    trigger: Aim = Field(description="act below this")
    target: Aim = Field(description="act up to this")
    max_per_event: Cap = Field(default=None, description="at most this at once")
    max_per_day: Cap = Field(default=None, description="at most this in any 24 hours")
    max_per_week: Cap = Field(default=None, description="at most this in any 7 days")
    max_count_per_day: Whole = Field(
        default=4, ge=1, le=24, description="at most this often in any 24 hours"
    )
    cooldown: Cooldown = Field(default=_FIVE_MINUTES, description="between two of them")
    keep_in_source: Amount = Field(default=None, description="never take the source below this")
    accept_more_than_half: bool = Field(
        default=False, description="let max_per_day exceed half of what the source holds at start"
    )

    @model_validator(mode="after")
    def _target_is_beyond_trigger(self) -> Self:
        if self.target.measure is not self.trigger.measure:
            raise Misread(
                f"trigger {self.trigger} and target {self.target}", "both in the same measure"
            )
        if not self.target.value >= TARGET_BEYOND_MIN * self.trigger.value:
            least = plain(round(TARGET_BEYOND_MIN * self.trigger.value, 4))
            raise Misread(
                f"target {self.target} with trigger {self.trigger}",
                f"a target of {least} or more: nearer, one top-up calls for the next",
            )
        return self

    @model_validator(mode="after")
    def _caps_stand_and_fit(self) -> Self:
        caps = {
            "max_per_event": self.max_per_event,
            "max_per_day": self.max_per_day,
            "max_per_week": self.max_per_week,
            "keep_in_source": self.keep_in_source,
        }
        missing = [name for name, cap in caps.items() if cap is None and name != "max_per_week"]
        if self.mode in (Mode.ASK, Mode.AUTO) and missing:
            raise Misread(
                f'mode = "{self.mode.value}" without {", ".join(missing)}',
                "every cap in the file before money moves",
            )
        unit = self.asset[0] if len(self.asset) == 1 else "USD"
        for name, cap in caps.items():
            if cap is not None and cap.asset != unit:
                raise Misread(f"{name} in {cap.asset}", f"an amount in {unit}")
        _fits("max_per_event", self.max_per_event, "max_per_day", self.max_per_day)
        _fits("max_per_day", self.max_per_day, "max_per_week", self.max_per_week)
        return self


def check_road(venue: str, top_up: TopUp) -> None:
    """Raises: `Misread` for a way *venue* does not have; the list of them is closed."""
    to, source = top_up.destination, top_up.source
    road = next((one for one in ROADS[venue] if _leads(one, to)), None)
    if road is None:
        raise Misread(f'to = "{to}"', f"{_known(venue, top_up)} on {venue}")
    for verb in top_up.verbs:
        if verb not in road.verbs:
            raise Misread(f'the verb {verb} with to = "{to}"', _instead(venue, road))
    kind, _, name = to.partition(":")
    if kind == "coin" and is_stable(name):
        raise Misread(f'to = "{to}"', f'to = "cross:{name}", or a coin such as to = "coin:BTC"')
    # nothing is taken from the wallet unless something is moved
    if source not in road.sources and (source is not None or Verb.MOVE in top_up.verbs):
        found = "nothing for from" if source is None else f'from = "{source}" to = "{to}"'
        ways = " or ".join(f'from = "{one}"' for one in road.sources)
        raise Misread(found, ways or f'no "from" with to = "{to}"')
    _counts_there(top_up, to)


def _leads(road: Road, to: str) -> bool:
    shape = re.escape(road.to).replace("ASSET", "[A-Z0-9]{2,12}").replace("PAIR", "[A-Z0-9]{5,20}")
    return re.fullmatch(shape, to) is not None


def _known(venue: str, top_up: TopUp) -> str:
    asset = top_up.asset[0]
    coin = "BTC" if is_stable(asset) else asset
    pools = (
        one.to.replace("coin:ASSET", f"coin:{coin}")
        .replace("ASSET", asset)
        .replace("PAIR", f"BTC{asset}")
        for one in ROADS[venue]
    )
    return " or ".join(f'to = "{pool}"' for pool in pools)


def _instead(venue: str, road: Road) -> str:
    why = "; what is moved in pays an OKX debt by itself" if venue == "okx" else ""
    return " or ".join(road.verbs) + why


# what a pool does not count would be moved for nothing
def _counts_there(top_up: TopUp, to: str) -> None:
    kind, _, name = to.partition(":")
    for asset in top_up.asset:
        if kind in ("cross", "coin") and name not in (asset, "multi"):
            expected = f"{name}, or another pool: only {name} counts there"
            raise Misread(f'asset {asset} with to = "{to}"', expected)
        if kind == "isolated_margin" and asset not in (name[: len(asset)], name[-len(asset) :]):
            raise Misread(f'asset {asset} with to = "{to}"', "one of the two assets of that pair")


def _fits(less: str, small: Sum | None, more: str, large: Sum | None) -> None:
    if small is not None and large is not None and small.value > large.value:
        raise Misread(f"{less} {small} above {more} {large}", f"{less} up to {more}")
