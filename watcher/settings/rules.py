"""
From settings to what `decide` needs: the alert rules of one account, each line proven to fire.

Rule: an account's own lines replace the common ones measure by measure. A ladder that differs from
the program's default was meant, so it is honoured for every pool where its measure is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from watcher.domain.alert import AlertRules, Ladder, Line, Measure, Quiet, Tier, Trigger, Word
from watcher.domain.road import Reach
from watcher.domain.topup import Limits, Mode, Route, TopUpRules, Verb
from watcher.policy.rehearsal import rehearse
from watcher.settings.hidden import told
from watcher.settings.model import Settings, Tiers
from watcher.settings.top_up import WEEK_DAYS, TopUp

_TIERS = tuple(tier for tier in Tier if tier is not Tier.CALM)


def alert_rules(settings: Settings, account: str) -> AlertRules:
    """Return the rules of *account*, one ladder per measure."""
    own = settings.accounts[account]
    default = Tiers()
    ladders = []
    for measure in Measure:
        values = getattr(own.tiers, measure) or getattr(settings.tiers, measure)
        ladders.append(_ladder(measure, values, everywhere=values != getattr(default, measure)))
    return AlertRules(
        account=account,
        venue=own.venue,
        ladders=tuple(ladders),
        betas={**settings.betas, **own.betas},
        poll_calm_us=settings.poll.calm,
        poll_hot_us=settings.poll.hot,
        blind_after_max_us=settings.blind.after_max,
        timezone=settings.timezone,
        reach=max(reaches(settings)),
        quiet=quiet_hours(settings),
        trigger=_trigger(own.top_up),
    )


def rehearsed(settings: Settings) -> list[str]:
    """Return what is wrong with lines that cannot fire on a sample book sliding to liquidation."""
    problems: list[str] = []
    heard: dict[str, list[str]] = {}
    for name, account in settings.accounts.items():
        rules = alert_rules(settings, name)
        # a hundred accounts with the same lines are one rehearsal
        same = repr((rules.ladders, rules.betas))
        if same not in heard:
            heard[same] = rehearse(rules)
        for complaint in heard[same]:
            measure = complaint.partition(":")[0]
            own = getattr(account.tiers, measure, None) is not None
            problems.append(f"accounts.{name}.tiers.{complaint}" if own else f"tiers.{complaint}")
    return list(dict.fromkeys(problems))


def top_up_rules(settings: Settings, account: str) -> TopUpRules | None:
    """Return what may be moved on *account*; None: nothing."""
    table = settings.accounts[account].top_up
    if table is None or table.mode is Mode.OFF:
        return None
    return TopUpRules(
        mode=table.mode,
        routes=tuple(_routes(table)),
        measure=table.trigger.measure,
        trigger=table.trigger.value,
        target=table.target.value,
        limits=_limits(table),
    )


def _trigger(table: TopUp | None) -> Trigger | None:
    if table is None or table.mode is Mode.OFF:
        return None
    return Trigger(measure=table.trigger.measure, value=table.trigger.value)


# what stays inside the derivatives engine comes first: wallet transfers took 33 minutes on the
# worst day, 2025-10-10
def _routes(table: TopUp) -> Iterator[Route]:
    to = table.destination
    ways = {
        Verb.ADD_MARGIN: (to, "isolated:*"),
        Verb.REPAY: (to, to),
        Verb.MOVE: (table.source or "", to),
    }
    for verb, (source, destination) in ways.items():
        if verb in table.verbs:
            for asset in table.asset:
                yield Route(verb=verb, asset=asset, source=source, destination=destination)


def _limits(table: TopUp) -> Limits | None:
    event, day, keep = table.max_per_event, table.max_per_day, table.keep_in_source
    if event is None or day is None or keep is None:
        return None
    week = table.max_per_week
    return Limits(
        unit=event.asset,
        per_event=event.value,
        per_day=day.value,
        per_week=WEEK_DAYS * day.value if week is None else week.value,
        count_per_day=table.max_count_per_day,
        cooldown_us=table.cooldown,
        keep_in_source=keep.value,
        over_half=table.accept_more_than_half,
    )


def reaches(settings: Settings) -> tuple[Reach, ...]:
    """Return the roads there are, nearest first."""
    has = {
        Reach.CHAT: True,
        Reach.SECOND: settings.telegram.second_chat_id is not None,
        Reach.FALLBACK: settings.fallback.url is not None,
    }
    return tuple(reach for reach in Reach if has[reach])


def destinations(settings: Settings) -> dict[Reach, str]:
    """
    Return a mark of where each road leads: of another chat or URL it is another.

    Sixteen bits of a hash: enough to see a change, too few to guess an address with a password in.
    """
    leads = {
        Reach.CHAT: str(settings.telegram.chat_id),
        Reach.SECOND: str(settings.telegram.second_chat_id),
        Reach.FALLBACK: "" if settings.fallback.url is None else told(settings.fallback.url),
    }
    return {
        road: sha256(f"{road.road} {leads[road]}".encode()).hexdigest()[:4]
        for road in reaches(settings)
    }


def quiet_hours(settings: Settings) -> Quiet | None:
    """Return the hours in which nothing below critical makes a sound."""
    if settings.quiet_hours is None:
        return None
    begin, end = settings.quiet_hours
    return Quiet(from_min=begin, to_min=end)


def _ladder(measure: Measure, values: tuple[float | Word, ...], *, everywhere: bool) -> Ladder:
    lines = tuple(Line(tier=tier, value=value) for tier, value in zip(_TIERS, values, strict=True))
    return Ladder(measure=measure, lines=lines, everywhere=everywhere)
