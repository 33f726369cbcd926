"""
The lines messages are put together from, each one fact.

Rule: a line stands alone and is left out when there is nothing to say; none says "none". Nothing
that came from a venue may start a line.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from watcher.domain.alert import Incident, Measure, Missed, Tier
from watcher.domain.report import PoolReport, Status
from watcher.policy import messages as say
from watcher.policy import wording
from watcher.policy.advice import Advice
from watcher.policy.figures import Alone, Figures, Joint
from watcher.policy.readings import Gauge, Reading, is_flat
from watcher.policy.wording import Bold, Row, filled, row

LINES_MAX = 12
WIDTH_WANTED = 46
WIDTH_MAX = 54

MARK = {
    Tier.CALM: "🟢",
    Tier.WATCH: "🟡",
    Tier.WARNING: "🟠",
    Tier.CRITICAL: "🔴",
    Tier.EMERGENCY: "🚨",
}
GONE_MARK = "⚪"
NOTE_MARK = "🔧"
SECURITY_MARK = "🔑"

AGREE_SHOWN_MIN = 0.1
# what venues write where there is nothing to divide
_NO_RATIO = {"accountMMRate": 9999, "marginLevel": 999}
_IN_PERCENT = {"accountMMRate", "marginRatio", "mgnRatio"}


def blind_mark(tier: Tier) -> str:
    """Return the mark of blindness: never milder than a warning, and as bad as what it hides."""
    return MARK[max(tier, Tier.WARNING)]


def header(
    mark: str, title: str, incident: Incident | None, account: str, *, note: str = ""
) -> Row:
    code = f" #{incident.code}·{incident.seq}" if incident else ""
    after = f" ({note})" if note else ""
    return row(f"{mark} ", Bold(title), f"{code} {wording.name(account)}{after}")


def was(tier: Tier) -> str:
    return say.WAS.format(tier=wording.tier_name(tier)) if tier > Tier.CALM else ""


def label(figures: Figures) -> list[Row]:
    return [filled(say.POOL, label=Bold(figures.label))] if figures.label else []


def headline(gauge: Gauge) -> str:
    """Return the deciding value in the fewest words: "5.8 %", "level 152 %", "1.45x"."""
    return headline_of(gauge.measure, gauge.value)


def headline_of(measure: Measure, value: float) -> str:
    match measure:
        case Measure.DISTANCE:
            return wording.percent(value) if math.isfinite(value) else say.NO_RANGE
        case Measure.MARGIN_LEVEL:
            return (
                say.SHORT_LEVEL.format(value=wording.level(value))
                if math.isfinite(value)
                else say.SHORT_NOTHING_OWED
            )
        case Measure.HEALTH:
            return say.SHORT_HEALTH.format(value=wording.health(value))


def is_bare(figures: Figures) -> bool:
    """Tell whether the pool holds no position; one that only owed says "nothing owed" instead."""
    borrowed = figures.reading.gauge.measure is Measure.MARGIN_LEVEL
    return is_flat(figures.report) and not borrowed


def shortly(figures: Figures) -> str:
    """Return the deciding value as `headline`, or that there is no position to have one."""
    return say.NO_POSITION if is_bare(figures) else headline(figures.reading.gauge)


def told_last(readings: Mapping[str, Reading | None], pool: str | None) -> str:
    """Return in the fewest words what the last reading said of *pool*, None where of none."""
    named = pool or next(iter(readings), None)
    if named is None or named not in readings:
        return say.NO_POSITION
    reading = readings[named]
    return say.FIGURE_NOT_KNOWN if reading is None else headline(reading.gauge)


def distance(figures: Figures) -> list[Row]:
    """
    Return the lines of the deciding measure, and of the distance when that is another.

    Of a pool with nothing left to liquidate there is none.
    """
    gauge = figures.reading.gauge
    if is_bare(figures):
        return []
    if gauge.measure is Measure.DISTANCE:
        then = _then(figures)
        return [_from_liquidation(gauge.value, f" ({then})" if then else "")]
    if gauge.measure is Measure.MARGIN_LEVEL:
        first = _level(figures.report, gauge)
    else:
        first = filled(say.HEALTH, value=Bold(wording.health(gauge.value)))
    away = figures.report.tier_distance
    return [first] if away is None else [first, _from_liquidation(away, "")]


def earlier(figures: Figures) -> list[Row]:
    """Return the line of the earlier value where `distance` has no room for it."""
    measure = figures.reading.gauge.measure
    then = _then(figures)
    if measure is Measure.DISTANCE or not then:
        return []
    text = say.LEVEL_WAS if measure is Measure.MARGIN_LEVEL else say.HEALTH_WAS
    return [row(text.format(then=then))]


def ago(minutes: float) -> str:
    whole = round(minutes)
    return say.TEN_MINUTES_AGO if whole == 10 else say.MINUTES_AGO.format(minutes=whole)  # noqa: PLR2004 - it is the word


def moves(figures: Figures) -> list[Row]:
    """Return where liquidation lies: all coins together, and the one coin that gets there first."""
    alone = figures.alone
    if figures.lone and alone is not None:
        return [row(_alone(say.LIQUIDATION_AT, alone))]
    found = []
    if figures.joint is not None:
        found.append(together(figures.joint))
    if alone is not None:
        text = say.ONLY_FALLS if alone.percent < 0 else say.ONLY_RISES
        found.append(row(_alone(text, alone)))
    return found


def together(joint: Joint) -> Row:
    """Return the move of all coins, with as many prices as the line has room for."""
    start = say.ALL_COINS.format(percent=wording.signed_percent(joint.percent))
    prices = [f"{wording.name(coin)} {wording.price(at)}" for coin, at in joint.prices]
    for shown in range(len(prices), 0, -1):
        left = joint.more + len(prices) - shown
        text = f"{start}: {', '.join(prices[:shown])}{f' +{left}' if left else ''}"
        if len(text) <= WIDTH_MAX or shown == 1:
            return row(text)
    return row(start)


def speed(figures: Figures) -> list[Row]:
    left = figures.minutes_left
    if figures.reading.hastened:
        if left is None:
            return [row(say.FALLS_FAST)]
        return [filled(say.LIQUIDATION_IN, left=Bold(wording.roughly(left)))]
    if left is None:
        return []
    text = say.AT_LAST_SPEED if figures.brief else say.AT_THIS_SPEED
    return [filled(text, left=Bold(wording.roughly(left)))]


def equity(report: PoolReport) -> list[Row]:
    if report.equity is None:
        return []
    text = say.EQUITY.format(
        equity=wording.amount(report.equity), asset=wording.name(report.reference)
    )
    if report.requirement:
        text += say.EQUITY_KEEP.format(requirement=wording.amount(report.requirement))
    ratio = ratio_text(report)
    return [row(f"{text} ({ratio})" if ratio else text)]


def equity_then(report: PoolReport | None, was: float | None, *, likely: bool) -> list[str]:
    """Return what is left of a pool beside what it was; *report* is None when it is gone."""
    now = 0.0 if report is None else report.equity
    if now is None or (report is None and was is None):
        return [say.LIKELY] if likely else []
    text = say.EQUITY_NOW.format(equity=wording.amount(now))
    text += f" {wording.name(report.reference)}" if report is not None else ""
    text += "" if was is None else say.EQUITY_WAS.format(equity=wording.amount(was))
    if not likely:
        return [text]
    whole = say.AND_LIKELY.format(equity=text)
    return [whole] if len(whole) <= WIDTH_MAX else [text, say.LIKELY]


def ratio_text(report: PoolReport) -> str:
    """Return the venue's own headline number under its own name, or nothing to compare."""
    ratio = report.venue_ratio
    if ratio is None or is_flat(report):
        return ""
    if ratio.value >= _NO_RATIO.get(ratio.name, math.inf):
        return ""
    title = say.RATIOS.get(ratio.name, wording.name(ratio.name))
    value = float(ratio.value)
    shown = wording.percent(100 * value) if ratio.name in _IN_PERCENT else wording.amount(value)
    return f"{title} {shown}"


def ways_back(advice: Advice | None) -> list[Row]:
    if advice is None:
        return []
    goal = target(advice)
    found: list[Row] = []
    if advice.add is not None:
        amount, asset = advice.add
        found.append(
            filled(say.BACK_ADD, goal=goal, amount=Bold(f"{amount:,f} {wording.name(asset)}"))
        )
        if advice.repay is not None:
            found.append(row(say.BACK_REPAY.format(amount=advice.repay, asset=wording.name(asset))))
    elif advice.hopeless:
        weak = wording.name(advice.hopeless)
        found.append(row(say.BACK_HOPELESS.format(goal=goal, asset=weak)))
    closing = advice.closing
    if closing is not None:
        start = say.OR_CLOSE if advice.add is not None else say.BACK_CLOSE.format(goal=goal)
        unit = wording.name(closing.unit)
        if closing.amount >= closing.of:
            found.append(row(say.CLOSE_ALL.format(start=start, amount=closing.of, unit=unit)))
        else:
            found.append(
                row(
                    say.CLOSE_PART.format(
                        start=start, amount=closing.amount, of=closing.of, unit=unit
                    )
                )
            )
    return found + _spare(advice)


def target(advice: Advice) -> str:
    match advice.measure:
        case Measure.DISTANCE:
            return wording.round_percent(advice.target)
        case Measure.MARGIN_LEVEL:
            return say.SHORT_LEVEL.format(value=wording.round_percent(advice.target))
        case Measure.HEALTH:
            return wording.health(advice.target)


def origin(figures: Figures, tolerance: float) -> Row:
    """Return the last line: how old the numbers are, whose they are, whether they agree."""
    age = say.AGE.format(age=wording.duration(figures.age_s))
    venue = wording.venue_name(figures.venue)
    if figures.report.status is not Status.OK:
        return row(say.ORIGIN_VENUE.format(age=age, venue=venue))
    apart = figures.report.disagreement
    if apart is None:
        return row(say.ORIGIN_OURS.format(age=age))
    if apart > tolerance:
        return row(say.ORIGIN_DIFFER.format(age=age, venue=venue, apart=wording.percent(apart)))
    shown = max(math.ceil(apart * 10) / 10, AGREE_SHOWN_MIN)
    return row(say.ORIGIN_AGREE.format(age=age, venue=venue, apart=shown))


def unseen(venue: str, missed: Missed, age_s: float, misses: str, until: str) -> list[Row]:
    """Return why nothing is seen and since when; *misses* and *until* are ready words or empty."""
    who = wording.venue_name(venue)
    since = wording.duration(age_s)
    start = say.UNSEEN[missed.kind].format(who=who, since=since)
    start += until
    if len(start) + len(misses) + 3 <= WIDTH_WANTED:
        return [row(f"{start} ({misses})")]
    return [row(start), row(f"  ({misses})")]


def fitted(rows: Iterable[Row], spare: Iterable[Row] = ()) -> list[Row]:
    """Return at most twelve rows: those of *spare* go first, then from the last but one upward."""
    kept = list(rows)
    for least in spare:
        if len(kept) <= LINES_MAX:
            break
        if least in kept:
            kept.remove(least)
    while len(kept) > LINES_MAX:
        del kept[-2]
    return kept


# empty where the value reads the same as now
def _then(figures: Figures) -> str:
    gauge = figures.reading.gauge
    if figures.before is None:
        return ""
    value, minutes = figures.before
    shown = _bare(gauge.measure, value)
    return "" if shown == _bare(gauge.measure, gauge.value) else f"{shown} {ago(minutes)}"


def _alone(text: str, alone: Alone) -> str:
    return text.format(
        coin=wording.name(alone.underlying),
        price=wording.price(alone.price),
        percent=wording.signed_percent(alone.percent),
    )


def _spare(advice: Advice) -> list[Row]:
    spare = advice.spare
    if spare is None:
        return []
    wallet = wording.name(spare.wallet).capitalize()
    text = say.SPARE_ENOUGH if spare.enough else say.SPARE_BRINGS
    amount = f"{wording.amount(float(spare.amount))} {wording.name(spare.asset)}"
    brings = _bare(advice.measure, spare.brings)
    return [row(text.format(wallet=wallet, amount=amount, brings=brings))]


def _from_liquidation(value: float, earlier: str) -> Row:
    if math.isinf(value):
        return row(say.NO_LIQUIDATION.format(earlier=earlier))
    if value <= 0:
        return row(Bold(say.PAST_LIQUIDATION), earlier)
    return filled(say.FROM_LIQUIDATION, value=Bold(wording.percent(value)), earlier=earlier)


def _level(report: PoolReport, gauge: Gauge) -> Row:
    if math.isinf(gauge.value):
        return row(say.NOTHING_OWED)
    call = report.stages.get("call")
    bars = say.LEVEL_CALL.format(level=wording.bare_percent(call)) if call is not None else ""
    end = say.LEVEL_END.format(level=wording.bare_percent(gauge.end))
    return filled(say.LEVEL_LINE, level=Bold(wording.level(gauge.value)), bars=bars, end=end)


def _bare(measure: Measure, value: float) -> str:
    if measure is Measure.HEALTH:
        return wording.health(value)
    if measure is Measure.MARGIN_LEVEL and math.isfinite(value):
        return wording.level(value)
    return wording.percent(value) if math.isfinite(value) else say.NO_RANGE
