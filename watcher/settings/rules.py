"""
From settings to what `decide` needs: the alert rules of one account.

Rule: an account's own lines replace the common ones measure by measure. A ladder that differs from
the program's default was meant, so it is honoured for every pool where its measure is known.
"""

from __future__ import annotations

from watcher.domain.alert import AlertRules, Ladder, Line, Measure, Quiet, Tier, Word
from watcher.domain.road import Reach
from watcher.settings.model import Settings, Tiers

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
    )


def reaches(settings: Settings) -> tuple[Reach, ...]:
    """Return the roads there are, nearest first."""
    has = {
        Reach.CHAT: True,
        Reach.SECOND: settings.telegram.second_chat_id is not None,
        Reach.FALLBACK: settings.fallback.url is not None,
    }
    return tuple(reach for reach in Reach if has[reach])


def quiet_hours(settings: Settings) -> Quiet | None:
    """Return the hours in which nothing below critical makes a sound."""
    if settings.quiet_hours is None:
        return None
    begin, end = settings.quiet_hours
    return Quiet(from_min=begin, to_min=end)


def _ladder(measure: Measure, values: tuple[float | Word, ...], *, everywhere: bool) -> Ladder:
    lines = tuple(Line(tier=tier, value=value) for tier, value in zip(_TIERS, values, strict=True))
    return Ladder(measure=measure, lines=lines, everywhere=everywhere)
