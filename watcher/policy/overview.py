"""
Answers to /status and /positions: every account at a glance, every position in its turn.

Rule: what cannot be seen comes first, with its age; then the worst. The numbers are those of the
last complete reading and carry its age; nothing is asked of a venue for an answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from watcher.domain.account import Asset, Family, Position, Snapshot
from watcher.domain.alert import (
    AccountState,
    AlertRules,
    DangerState,
    Measure,
    Moment,
    Text,
    Tier,
)
from watcher.domain.report import PoolReport, PositionReport
from watcher.margin import BookError
from watcher.policy import lines, stages, wording
from watcher.policy import messages as say
from watcher.policy.checks import Look
from watcher.policy.figures import Figures, gather
from watcher.policy.incidents import elapsed_us
from watcher.policy.looking import look
from watcher.policy.wording import Bold, Fixed, Row, filled, row

BAR_CELLS = 10
BAR_FULL = "▓"
BAR_EMPTY = "░"
UNSEEN_MARK = "⚫"
_SCALE = 2.0
"""An empty bar is this many watch lines away from liquidation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """
    One account in the overview. `age_s` None: never read. `lost` is the worst danger, when its
    pool is not there to show: no other pool's figures may stand beside its tier.
    """

    state: AccountState
    rules: AlertRules
    tier: Tier
    age_s: float | None
    found: Look | None
    worst: Figures | None
    lost: DangerState | None = None

    @property
    def seen(self) -> bool:
        return self.age_s is not None and not self.state.blind.active

    @property
    def order(self) -> tuple[bool, int, float]:
        left = self.worst.reading.gauge.remaining if self.worst is not None else math.inf
        return (self.seen, -self.tier, left)


def status(
    states: Sequence[AccountState], rules: Mapping[str, AlertRules], now: Moment, *, zone: str
) -> Text:
    """Return the answer to /status, at most twelve lines however many accounts there are."""
    where = wording.zone(zone)
    entries = sorted((_entry(s, rules[s.account], now) for s in states), key=lambda e: e.order)
    at = wording.minute_time(now.wall_us, where)
    if not entries:
        return wording.text_of([filled(say.STATUS_NONE, at=Bold(at))])
    seen = [e.age_s for e in entries if e.seen and e.age_s is not None]
    oldest = say.STATUS_OLDEST.format(age=wording.duration(max(seen))) if seen else ""
    rows = [filled(say.STATUS_HEAD, at=Bold(at), seen=len(seen), count=len(entries), oldest=oldest)]
    total = _total(entries)
    room = lines.LINES_MAX - len(rows) - len(total)
    width = max(len(wording.name(e.state.account)) for e in entries)
    blocks = [_block(entry, width, where) for entry in entries]
    return wording.text_of([*rows, *_fitted(blocks, entries, room), *total])


def positions(state: AccountState, rules: AlertRules, now: Moment) -> list[Text]:
    """Return the answer to /positions for one account, in pages of at most twelve lines."""
    entry = _entry(state, rules, now)
    name = wording.name(state.account)
    if entry.found is None or entry.age_s is None:
        return [wording.text_of([filled(say.NEVER_READ_PAGE, account=Bold(name))])]
    head = _head(name, entry.age_s, seen=entry.seen)
    blocks = [block for report in entry.found.report.pools for block in _pool(entry, report, now)]
    if not blocks:
        return [wording.text_of([head, row(say.NO_POSITION_AT_ALL)])]
    return [wording.text_of([head, *page]) for page in _pages(blocks, lines.LINES_MAX - 1)]


def _head(name: str, age_s: float, *, seen: bool) -> Row:
    age = say.AGE.format(age=wording.duration(age_s))
    return filled(say.ACCOUNT_HEAD if seen else say.ACCOUNT_HEAD_BLIND, account=Bold(name), age=age)


def bar(fraction: float) -> str:
    """Return *fraction* of danger (0 far, 1 liquidation) as ten cells, never rounded up."""
    full = max(0, min(BAR_CELLS, math.floor(fraction * BAR_CELLS)))
    return BAR_FULL * full + BAR_EMPTY * (BAR_CELLS - full)


def _entry(state: AccountState, rules: AlertRules, now: Moment) -> _Entry:
    found = None
    try:
        found = look(state.last_good, rules, stages=True) if state.last_good is not None else None
    except BookError:  # read by an older engine: nothing to show until the next reading
        found = None
    age_s = None
    if state.last_good_at_us is not None:
        age_s = elapsed_us(now.steady_us, state.last_good_at_us) / 1e6
    return _Entry(
        state=state,
        rules=rules,
        tier=max((d.tier for d in state.dangers.values()), default=Tier.CALM),
        age_s=age_s,
        found=found,
        worst=_worst(state, found, rules, now) if found is not None else None,
        lost=_lost(state, found) if found is not None else None,
    )


def _lost(state: AccountState, found: Look) -> DangerState | None:
    worst = max(state.dangers.values(), key=lambda danger: danger.tier, default=None)
    if worst is None or worst.tier is Tier.CALM:
        return None
    shown = {pool for pool, reading in found.readings.items() if reading is not None}
    if any(d.tier >= worst.tier for d in state.dangers.values() if d.pool in shown):
        return None
    return worst


def _worst(state: AccountState, found: Look, rules: AlertRules, now: Moment) -> Figures | None:
    pools = []
    for report in found.report.pools:
        reading = found.readings[report.pool]
        if reading is None:
            continue
        danger = state.dangers.get(report.pool)
        tier = danger.tier if danger is not None else reading.tier
        pools.append(((-tier, -reading.tier, reading.gauge.remaining), report, reading))
    if not pools:
        return None
    _, report, reading = min(pools, key=lambda pool: pool[0])
    return gather(
        found.snapshot,
        report,
        reading,
        rules,
        recent=state.recent,
        now=now,
        pools=len(found.report.pools),
    )


def _block(entry: _Entry, width: int, where: tzinfo) -> list[Row]:
    name = wording.name(entry.state.account).ljust(width)
    was = f" ({lines.was(entry.tier)})" if entry.tier > Tier.CALM else ""
    if entry.age_s is None:
        return [filled(say.NEVER_READ, account=Fixed(name))]
    if not entry.seen:
        age = wording.duration(entry.age_s)
        rows = [row(f"{UNSEEN_MARK} ", Fixed(name), " ", Bold(say.BLIND_FOR.format(age=age)), was)]
        if entry.worst is not None and entry.state.last_good is not None:
            at = wording.clock_time(entry.state.last_good.taken_at_us, where)
            rows.append(row(say.STATUS_LAST.format(value=lines.shortly(entry.worst), at=at)))
        return rows
    mark = lines.MARK[entry.tier]
    if entry.lost is not None:
        return _lost_block(entry, entry.lost, f"{mark} ", name)
    if entry.worst is None:
        text = (
            say.NO_POSITION
            if entry.found and not entry.found.report.pools
            else say.NOT_COMPUTED_SHORT
        )
        return [row(f"{mark} ", Fixed(name), f" {text}")]
    return _seen_block(entry, entry.worst, f"{mark} ", name)


def _lost_block(entry: _Entry, lost: DangerState, mark: str, name: str) -> list[Row]:
    is_gone = entry.found is not None and lost.pool not in entry.found.readings
    value = say.NO_POSITION if is_gone else say.NOT_KNOWN
    until = say.HELD_UNTIL_PROVEN if is_gone else say.HELD
    return [
        row(mark, Fixed(f"{name} {value}"), f" {wording.tier_name(lost.tier)}"),
        row(f"   {wording.pool_name(lost.pool)} · {until}"),
    ]


def _seen_block(entry: _Entry, worst: Figures, mark: str, name: str) -> list[Row]:
    tier = f" {wording.tier_name(entry.tier)}" if entry.tier > Tier.CALM else ""
    value, fraction = _shown(worst)
    if tier and lines.is_bare(worst):
        value = lines.shortly(worst)
    if fraction is None:
        first = row(mark, Fixed(f"{name} {value}"), tier)
    else:
        first = row(mark, Fixed(f"{name} {value:>6}  {bar(fraction)}"), tier)
    detail = _detail(worst)
    return [first, row(f"   {detail}")] if detail and entry.tier > Tier.CALM else [first]


# the distance where there is one, because it compares; else the value that decides
def _shown(worst: Figures) -> tuple[str, float | None]:
    distance = worst.report.tier_distance
    gauge = worst.reading.gauge
    if distance is None or gauge.measure is Measure.DISTANCE:
        if not math.isfinite(gauge.value):
            return lines.headline(gauge), None
        watch = max((b.enter - gauge.end for b in gauge.bounds), default=0.0)
        return lines.headline(gauge), 1 - gauge.remaining / (_SCALE * watch) if watch > 0 else None
    return wording.percent(distance), 1 - distance / _COMPARED_OVER


_COMPARED_OVER = 40.0
"""The same scale, in percent, for pools whose tiers follow another measure than distance."""


def _detail(worst: Figures) -> str:
    said = [worst.label] if worst.label else []
    if lines.is_bare(worst):
        return " · ".join([*said, say.HELD_UNTIL_PROVEN])
    gauge = worst.reading.gauge
    if gauge.measure is Measure.MARGIN_LEVEL:
        call = worst.report.stages.get("call")
        bars = say.LEVEL_CALL.format(level=wording.bare_percent(call)) if call is not None else ""
        level = lines.headline(gauge)
        said.append(
            say.STATUS_LEVEL.format(level=level, bars=bars, end=wording.bare_percent(gauge.end))
        )
    elif gauge.measure is Measure.HEALTH and worst.report.tier_distance is not None:
        said.append(lines.headline(gauge))
    if gauge.measure is Measure.DISTANCE:
        if worst.rate is not None and round(worst.rate, 1) > 0:
            said.append(say.STATUS_RATE.format(minus=wording.MINUS, rate=worst.rate))
        if worst.alone is not None:
            coin = wording.name(worst.alone.underlying)
            said.append(say.STATUS_ALONE.format(coin=coin, price=wording.price(worst.alone.price)))
    return " · ".join(said)


# details of the calmest go first, then their lines; what is cut is counted
def _fitted(blocks: list[list[Row]], entries: list[_Entry], room: int) -> Iterator[Row]:
    while sum(map(len, blocks)) > room and any(len(block) > 1 for block in blocks):
        last = max(number for number, block in enumerate(blocks) if len(block) > 1)
        blocks[last] = blocks[last][:1]
    cut = max(0, sum(map(len, blocks)) - room)
    if cut:
        kept = len(blocks) - cut - 1
        rest = entries[kept:]
        worst = max(entry.tier for entry in rest)
        blocks = blocks[:kept]
        unseen = sum(not entry.seen for entry in rest)
        also = say.STATUS_UNSEEN.format(count=unseen) if unseen else ""
        how = (
            say.STATUS_ALL_CALM
            if worst is Tier.CALM
            else say.STATUS_NONE_WORSE.format(tier=wording.tier_name(worst))
        )
        blocks.append([row(say.STATUS_MORE.format(count=len(rest), how=how, also=also))])
    for block in blocks:
        yield from block


def _total(entries: list[_Entry]) -> list[Row]:
    if len(entries) < 2:  # noqa: PLR2004 - one account is its own total
        return []
    total = 0.0
    for entry in entries:
        if entry.found is None:
            return []
        for report in entry.found.report.pools:
            worth = _in_reference(entry.found.snapshot, report)
            if worth is None:
                return []
            total += worth
    return [row(say.STATUS_EQUITY.format(amount=wording.amount(total)))]


def _in_reference(snapshot: Snapshot, report: PoolReport) -> float | None:
    if report.equity is None or snapshot.reference != "USD":
        return None
    if report.reference == snapshot.reference:
        return report.equity
    for asset in snapshot.assets:
        if asset.asset == report.reference:
            return report.equity * float(asset.index)
    return None


def _pool(entry: _Entry, report: PoolReport, now: Moment) -> Iterator[list[Row]]:
    assert entry.found is not None
    snapshot = entry.found.snapshot
    held = [p for p in snapshot.positions if p.pool == report.pool]
    told = {(p.symbol, p.side): p for p in report.positions}
    owned = [a for a in snapshot.assets if a.pool == report.pool]
    if report.family is Family.DEBT_RATIO:
        yield from ([_holding(a)] for a in owned if a.wallet or a.debt)
    for position in held:
        yield _position(position, told.get((position.symbol, position.side)))
    reading = entry.found.readings[report.pool]
    if reading is None or not (held or report.requirement):
        return
    figures = gather(
        snapshot,
        report,
        reading,
        entry.rules,
        recent=entry.state.recent,
        now=now,
        pools=len(entry.found.report.pools),
    )
    yield [
        *lines.label(figures),
        *lines.distance(figures)[:1],
        *lines.moves(figures),
        *stages.past_or_next(report, reading.gauge),
    ]


def _position(position: Position, told: PositionReport | None) -> list[Row]:
    size = position.quantity if position.inverse else position.quantity * position.contract_size
    unit = say.CONTRACTS if position.inverse else wording.name(position.underlying)
    mark = float(position.mark)
    rows = [
        row(
            "• ",
            Bold(f"{wording.name(position.symbol)} {say.SIDES[position.side]}"),
            f" {wording.amount(float(size))} {unit} · ",
            say.MARK.format(price=wording.price(mark)),
        )
    ]
    if told is not None and told.liquidation_price is not None and mark > 0:
        away = wording.signed_percent(100 * (told.liquidation_price / mark - 1))
        rows.append(
            row(
                say.POSITION_LIQUIDATION.format(
                    price=wording.price(told.liquidation_price), away=away
                )
            )
        )
    return rows


def _holding(asset: Asset) -> Row:
    owed = (asset.debt or 0) + (asset.interest or 0)
    name = wording.name(asset.asset)
    return filled(
        say.HOLDS_AND_OWES if owed else say.HOLDS,
        asset=Bold(name),
        amount=wording.amount(float(asset.wallet)),
        owed=wording.amount(float(owed)),
    )


def _pages(blocks: list[list[Row]], room: int) -> Iterator[list[Row]]:
    page: list[Row] = []
    for block in blocks:
        if page and len(page) + len(block) > room:
            yield page
            page = []
        page += block
    if page:
        yield page
