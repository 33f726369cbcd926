"""
How much may be moved, and whether anything may: flags, caps, windows, the floor of the source.

Rule: what may have been sent counts until it is proven rejected, and what was changed an hour from
now counts too: a window forgets nothing because a clock was wrong. What cannot be valued or is not
known allows nothing. The same words are used where a proposal is made and where the ledger asks
once more, inside the transaction that writes the sending down (`verdict`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fnmatch import fnmatchcase

from watcher.domain.account import Snapshot
from watcher.domain.alert import MINUTE_US, SECOND_US, Moment
from watcher.domain.topup import (
    COUNTED,
    OPEN,
    Intent,
    Limits,
    Mode,
    Progress,
    Route,
    TopUpRules,
)
from watcher.policy import messages as say
from watcher.policy import wording
from watcher.policy.means import Held, Means, Room, Standing, Why

DAY_US = 24 * 60 * MINUTE_US
WEEK_US = 7 * DAY_US
FRESH_US = 10 * SECOND_US
COOLDOWN_US = 5 * MINUTE_US
"""Where no cap is set, so that nothing is sent: two words about the same lie this far apart."""
AGAIN_US = MINUTE_US
"""So long a way rests on which one was made and not sent; the whole cooldown if it was refused."""
BALANCES_MIN = 2
BALANCE_AGE_US = 5 * MINUTE_US

USD = "USD"
SENDS = frozenset({Mode.ASK, Mode.AUTO})
_PARTED = {
    Mode.AUTO: frozenset({Mode.AUTO}),
    Mode.ASK: SENDS,
}
"""What the configuration must say for an intent of each mode to be sent."""
_WAITING = frozenset({Progress.UNKNOWN, Progress.HUMAN})
_ENDED = frozenset({Progress.DONE, Progress.ABSENT, Progress.DENIED})


def barred(means: Means, now: Moment) -> Held | None:
    """Return the flag that lets no money move."""
    if means.killed:
        return Held(why=Why.KILLED, reason=say.HELD_KILLED_BY_FILE)
    for name, flag in means.flags.items():
        if flag.until_us is None or flag.until_us > now.wall_us:
            said = say.MONEY_FLAGS.get(name, wording.name(name))
            until = flag.until_us is not None
            reason = say.HELD_FOR_A_TIME.format(flag=said) if until else said
            return Held(why=Why.FLAGGED, reason=reason)
    return None


def cooling(rules: TopUpRules, means: Means, now_us: int) -> Held | None:
    """Return that the last top-up, or the last no to one, is too recent."""
    wait_us = _cooldown_us(rules)
    ended = [i.changed_us for i in means.intents if i.progress in _ENDED or _is_rehearsed(i)]
    if not ended or _clock(means, now_us) - max(ended) >= wait_us:
        return None
    shown = wording.duration(wait_us / SECOND_US)
    return Held(why=Why.COOLING, reason=say.HELD_TOO_SOON.format(wait=shown))


def resting(rules: TopUpRules, route: Route, means: Means, now_us: int) -> Held | None:
    """Return that on *route* one was refused, or came to nothing, too recently to try again."""
    whole_us = _cooldown_us(rules)
    waits = {Progress.REJECTED: whole_us, Progress.CANCELLED: min(AGAIN_US, whole_us)}
    for intent in means.intents:
        same = (intent.route.verb, intent.route.source) == (route.verb, route.source)
        wait_us = waits.get(intent.progress, 0) if intent.mode in SENDS and same else 0
        if _clock(means, now_us) - intent.changed_us < wait_us:
            said = say.HELD_CAME_TO_NOTHING.format(intent=wording.name(intent.id))
            return Held(why=Why.COOLING, reason=said)
    return None


def worths(snapshot: Snapshot, unit: str) -> dict[str, Decimal]:
    """
    Return what one of each asset is worth in *unit*, at the dearest of its prices.

    Where a venue prices in a dollar coin, that coin counts as the dollar.
    """
    found = {snapshot.reference: Decimal(1)}
    for row in snapshot.assets:
        if row.index > 0:
            found[row.asset] = max(row.index, found.get(row.asset, row.index))
    base = found.get(snapshot.reference if unit == USD else unit)
    if base is None:
        return {unit: Decimal(1)}
    return {asset: price / base for asset, price in {**found, unit: base}.items()}


def busy(route: Route, pool: str, means: Means) -> Held | None:
    """
    Return the open intent that bars *route*: on the same source, or on its way to the same pool.

    One whose outcome nobody knows bars only its own source: another way must stay open.
    """
    for intent in means.intents:
        if intent.progress not in OPEN:
            continue
        bars = intent.pool == pool and intent.progress not in _WAITING
        if bars or intent.route.source == route.source:
            progress = say.TOP_UP_STATES[intent.progress]
            said = say.HELD_BUSY.format(intent=wording.name(intent.id), progress=progress)
            why = Why.UNSETTLED if intent.progress is Progress.HUMAN else Why.BUSY
            return Held(why=why, reason=said)
    return None


def room(
    rules: TopUpRules,
    listed: Route,
    means: Means,
    prices: Mapping[str, Decimal],
    now_us: int,
) -> Room | Held:
    """
    Return how much may leave the source of *listed*, a route as it is configured.

    Nothing is rounded here. *prices* are `worths` in the unit of the limits.
    """
    balance = _balance(listed, means, now_us)
    if isinstance(balance, Held):
        return balance
    pending = sum((i.amount for i in _unconfirmed(listed, means)), Decimal(0))
    free = balance - pending
    limits = rules.limits
    if limits is None:
        return Room(amount=max(free, Decimal(0)), why=Why.FLOOR, source=free)
    price = prices.get(listed.asset)
    if price is None or not price > 0:
        return _unpriced(listed.asset)
    return _capped(limits, means, prices, now_us, free=free, price=price)


def listed_of(route: Route, rules: TopUpRules) -> Route | None:
    """Return the configured route that *route* is one of; None: it is not allowed."""
    for one in rules.routes:
        if (one.verb, one.asset, one.source) == (route.verb, route.asset, route.source) and (
            fnmatchcase(route.destination, one.destination)
        ):
            return one
    return None


def verdict(
    intent: Intent,
    rules: TopUpRules,
    means: Means,
    *,
    snapshot: Snapshot,
    read_at_us: int,
    now: Moment,
) -> Callable[[Sequence[Intent], Mapping[str, Standing]], str]:
    """
    Return the judgement the ledger makes on what it holds: why not to send *intent*, "": send.

    *means* gives the balances, read afresh; intents and flags are the ledger's own. *read_at_us*
    (steady) is when *snapshot* was read.
    """

    def judge(intents: Sequence[Intent], flags: Mapping[str, Standing]) -> str:
        others = replace(means, intents=intents, flags=flags).without(intent)
        held = _objection(intent, rules, others, snapshot, read_at_us, now)
        return "" if held is None else held.reason

    return judge


def _objection(
    intent: Intent,
    rules: TopUpRules,
    means: Means,
    snapshot: Snapshot,
    read_at_us: int,
    now: Moment,
) -> Held | None:
    flag = barred(means, now)
    if flag is not None:
        return flag
    listed = listed_of(intent.route, rules)
    if rules.mode not in _PARTED.get(intent.mode, ()) or rules.limits is None or listed is None:
        return Held(why=Why.OFF, reason=say.HELD_NOT_ALLOWED)
    if not 0 <= now.steady_us - read_at_us <= FRESH_US:
        return Held(why=Why.STALE, reason=say.HELD_STALE)
    if any(i.progress in OPEN and i.route.source == listed.source for i in means.intents):
        return Held(why=Why.BUSY, reason=say.HELD_SOURCE_BUSY)
    prices = worths(snapshot, rules.limits.unit)
    found = cooling(rules, means, now.steady_us) or room(
        rules, listed, means, prices, now.steady_us
    )
    return found if isinstance(found, Held) else _too_much(intent, found, rules.limits)


def _too_much(intent: Intent, found: Room, limits: Limits) -> Held | None:
    if not 0 < intent.amount <= intent.ceiling:
        return cut(Why.CEILING, limits)
    return cut(found.why, limits) if intent.amount > found.amount else None


def cut(why: Why, limits: Limits | None) -> Held:
    """Return the words for a cap that leaves no room."""
    shown = {
        Why.EVENT: say.HELD_EVENT,
        Why.DAY: say.HELD_DAY,
        Why.WEEK: say.HELD_WEEK,
        Why.FLOOR: say.HELD_FLOOR,
        Why.CEILING: say.HELD_CEILING,
        Why.SOURCE_POOL: say.HELD_SOURCE_POOL,
    }
    keep = None if limits is None else f"{limits.keep_in_source:f} {limits.unit}"
    is_floor = keep is not None and why is Why.FLOOR
    said = say.HELD_FLOOR_OF.format(keep=keep) if is_floor else shown[why]
    return Held(why=why, reason=said)


def _capped(
    limits: Limits,
    means: Means,
    prices: Mapping[str, Decimal],
    now_us: int,
    *,
    free: Decimal,
    price: Decimal,
) -> Room | Held:
    counted = [i for i in means.intents if i.progress in COUNTED]
    clock = _clock(means, now_us)
    day = _spent(_within(counted, DAY_US, clock), prices)
    week = _spent(_within(counted, WEEK_US, clock), prices)
    if day is None or week is None:
        return _unpriced(say.SOMETHING_MOVED)
    times = sum(1 for _ in _within(counted, DAY_US, clock))
    if times >= limits.count_per_day:
        return Held(why=Why.COUNT, reason=say.HELD_COUNT.format(count=times))
    day_left, week_left = limits.per_day - day, limits.per_week - week
    room_of = {
        Why.EVENT: limits.per_event / price,
        Why.DAY: day_left / price,
        Why.WEEK: week_left / price,
        Why.FLOOR: free - limits.keep_in_source / price,
    }
    why = min(room_of, key=lambda one: room_of[one])
    return Room(
        amount=max(room_of[why], Decimal(0)),
        why=why,
        source=free,
        unit=limits.unit,
        price=price,
        day=day_left,
        week=week_left,
        count=limits.count_per_day - times,
    )


# the lower of two readings: on the worst day balances were read as zero, and absurdly high
def _balance(listed: Route, means: Means, now_us: int) -> Decimal | Held:
    known = list(means.balances.get(listed, ()))[-BALANCES_MIN:]
    fresh = all(
        0 <= now_us - one.at_us <= BALANCE_AGE_US and one.amount.is_finite() for one in known
    )
    if len(known) == BALANCES_MIN and fresh:
        return min(one.amount for one in known)
    where = wording.pool_name(listed.source)
    return Held(why=Why.NO_BALANCE, reason=say.HELD_NO_BALANCE.format(source=where))


# money that left, or may have, after the balance was read is not in the balance
def _unconfirmed(listed: Route, means: Means) -> Iterable[Intent]:
    since_us = min(one.at_us for one in list(means.balances[listed])[-BALANCES_MIN:])
    for intent in means.intents:
        same = (intent.route.source, intent.route.asset) == (listed.source, listed.asset)
        recent = intent.progress in OPEN or intent.changed_us >= since_us
        if same and intent.progress in COUNTED and recent:
            yield intent


def _within(intents: Iterable[Intent], span_us: int, now_us: int) -> Iterable[Intent]:
    return (i for i in intents if i.progress in OPEN or now_us - i.changed_us < span_us)


def _spent(intents: Iterable[Intent], prices: Mapping[str, Decimal]) -> Decimal | None:
    total = Decimal(0)
    for intent in intents:
        price = prices.get(intent.route.asset)
        if price is None:
            return None
        total += intent.amount * price
    return total


def _cooldown_us(rules: TopUpRules) -> int:
    return COOLDOWN_US if rules.limits is None else rules.limits.cooldown_us


def _clock(means: Means, now_us: int) -> int:
    return max(now_us, means.last_us)


def _is_rehearsed(intent: Intent) -> bool:
    return intent.mode is Mode.DRY_RUN and intent.progress not in OPEN


def _unpriced(asset: str) -> Held:
    return Held(why=Why.NO_PRICE, reason=say.HELD_NO_PRICE.format(asset=wording.words(asset)))
