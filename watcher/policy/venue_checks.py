"""
The checks of what a venue says beside its numbers: its flags, the mode, the key, the clock.

Rule: as in `checks`. Mode and key are compared with what was known before, so that a change is
found on one reading and told once; what lasts is found on every reading and told again when its
repeat is due. A fact the venue does not tell is no change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from watcher.domain.account import Position, Snapshot, VenueFlag
from watcher.domain.alert import MINUTE_US, SECOND_US, Lane, Tier
from watcher.domain.status import KeyRights
from watcher.margin import evaluate
from watcher.policy import messages as say
from watcher.policy import wording
from watcher.policy.checks import DAY_US, LOSSES_SHOWN_MAX, Finding, Scene, health_line


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagLimits:
    warned_repeat_us: int = 4 * 60 * MINUTE_US
    forced_repeat_us: int = 10 * MINUTE_US


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLimits:
    """Days before its end at which a key is told to expire, and from which on it is a warning."""

    days: tuple[int, ...] = (1, 3, 7, 14)
    warning_days: int = 3
    unbound_repeat_us: int = DAY_US


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockLimits:
    """How far our clock may be off; `far` is half of what venues accept in a signed request."""

    off_ms: float = 1_000.0
    far_ms: float = 2_500.0
    repeat_us: int = DAY_US


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueLimits:
    flag: FlagLimits = field(default_factory=FlagLimits)
    key: KeyLimits = field(default_factory=KeyLimits)
    clock: ClockLimits = field(default_factory=ClockLimits)


LIMITS = VenueLimits()


def flagged(scene: Scene) -> Iterator[Finding]:
    """Find pools the venue itself warns of, or already acts on."""
    found: dict[str, list[VenueFlag]] = {}
    for flag in scene.look.snapshot.flags:
        found.setdefault(flag.pool, []).append(flag)
    venue = wording.venue_name(scene.look.snapshot.venue)
    for pool, flags in found.items():
        forced = any(flag.forced for flag in flags)
        limits = LIMITS.flag
        danger = scene.dangers[pool].tier if pool in scene.dangers else Tier.CALM
        report = next((p for p in scene.look.report.pools if p.pool == pool), None)
        yield Finding(
            check="flagged",
            pool=pool,
            fact="/".join(sorted(f"{flag.what} {flag.says}" for flag in flags)),
            title=(say.VENUE_ACTS if forced else say.VENUE_WARNS).format(venue=venue.upper()),
            facts=(
                *(_flag_said(flag) for flag in flags[:LOSSES_SHOWN_MAX]),
                *health_line(report),
            ),
            tier=max(danger, Tier.CRITICAL if forced else Tier.WARNING),
            lane=Lane.DANGER if forced else Lane.WARNING,
            repeat_us=limits.forced_repeat_us if forced else limits.warned_repeat_us,
            wakes=forced,
        )


def _flag_said(flag: VenueFlag) -> str:
    what = " ".join(wording.name(part) for part in flag.what.split(" "))
    meaning = say.FLAGS.get(flag.says.split(" ")[0])
    said = f"{wording.words(flag.says)}{f', {meaning}' if meaning else ''}"
    return f"{what}: {said}" if flag.what else said


def mode_changed(scene: Scene) -> Iterator[Finding]:
    """Find an account that margins in another way than at the reading before."""
    if scene.before is None:
        return
    after = scene.look.snapshot
    was, now = _modes(scene.before), _modes(after)
    said = list(_moves(scene.before, after))
    # a wallet opened or closed beside the others is no change of mode
    if was - now and now - was:
        said = [
            say.MODE_WAS.format(modes=wording.words(", ".join(sorted(was - now)))),
            say.MODE_NOW.format(modes=wording.words(", ".join(sorted(now - was)))),
            *said,
        ]
    if not said:
        return
    rest = len(said) - LOSSES_SHOWN_MAX
    yield Finding(
        check="mode_changed",
        pool="",
        fact="/".join(said),
        title=say.MODE_CHANGED,
        facts=(
            *said[:LOSSES_SHOWN_MAX],
            *([say.AND_MORE_ROWS.format(count=rest)] if rest > 0 else []),
            say.NOT_BY_YOU_LOOK.format(venue=wording.venue_name(after.venue)),
        ),
        tier=Tier.WARNING,
        lane=Lane.WARNING,
    )


def _modes(snapshot: Snapshot) -> set[str]:
    return set(snapshot.mode.split("; "))


def _moves(before: Snapshot, after: Snapshot) -> Iterator[str]:
    stayed = {_key(one) for one in before.positions} & {_key(one) for one in after.positions}
    came = {(new.symbol, new.side): new for new in after.positions if _key(new) not in stayed}
    for old in before.positions:
        new = came.get((old.symbol, old.side))
        if _key(old) not in stayed and new is not None:
            yield say.POSITION_MOVED.format(
                symbol=wording.name(old.symbol),
                side=say.SIDES[old.side],
                was=_kind_of(old.pool),
                now=_kind_of(new.pool),
            )


# an isolated pool is named after the position, which the line begins with
def _kind_of(pool: str) -> str:
    return "isolated" if pool.startswith(wording.ISOLATED) else wording.pool_name(pool)


def _key(position: Position) -> tuple[str, str, str]:
    return position.pool, position.symbol, position.side


def table_changed(scene: Scene) -> Iterator[Finding]:
    """
    Find pools whose venue asks by another maintenance table, or counts by another ladder, than at
    the reading before, and what that makes of the distance.

    One row alone is no table: adapters put one where a size or a total tells the rate.
    """
    if scene.before is None:
        return
    now, changed = scene.look.snapshot, dict[str, list[str]]()
    tables = {(one.pool, one.symbol, one.side): one.brackets for one in scene.before.positions}
    ladders = {(one.pool, one.asset): one.weights for one in scene.before.assets}
    positions, assets = [], []
    for leg in now.positions:
        old = tables.get((leg.pool, leg.symbol, leg.side), ())
        if another := _is_another(old, leg.brackets):
            changed.setdefault(leg.pool, []).append(wording.name(leg.symbol))
        positions.append(replace(leg, brackets=old) if another else leg)
    for coin in now.assets:
        ladder = ladders.get((coin.pool, coin.asset), ())
        if another := _is_another(ladder, coin.weights):
            changed.setdefault(coin.pool, []).append(wording.name(coin.asset))
        assets.append(replace(coin, weights=ladder) if another else coin)
    if not changed:
        return
    by_old = replace(now, positions=tuple(positions), assets=tuple(assets))
    report = evaluate(by_old, betas=scene.betas, stages=False)
    was = {pool.pool: pool.tier_distance for pool in report.pools}
    is_now = {pool.pool: pool.tier_distance for pool in scene.look.report.pools}
    for pool, names in changed.items():
        yield _of_tables(pool, sorted(set(names)), was.get(pool), is_now.get(pool))


def _is_another(old: tuple[object, ...], now: tuple[object, ...]) -> bool:
    return min(len(old), len(now)) > 1 and old != now


def _of_tables(pool: str, names: list[str], was: float | None, now: float | None) -> Finding:
    rest = len(names) - LOSSES_SHOWN_MAX
    shown = [say.NO_RANGE if each is None else wording.percent(each) for each in (now, was)]
    nearer = now is not None and (was is None or now < was)
    return Finding(
        check="table_changed",
        pool=pool,
        fact="/".join((*names, *shown)),
        title=say.TABLE_CHANGED,
        facts=(
            *(say.TABLE_OF.format(what=one) for one in names[:LOSSES_SHOWN_MAX]),
            *([say.AND_MORE_ROWS.format(count=rest)] if rest > 0 else []),
            say.TABLE_DISTANCE.format(now=shown[0], was=shown[1]),
        ),
        tier=Tier.WARNING if nearer else Tier.WATCH,
        lane=Lane.WARNING,
        silent=not nearer,
    )


def key_changed(scene: Scene) -> Iterator[Finding]:
    """Find a key that may do other things than it was last known to."""
    if scene.status is None or scene.key is None:
        return
    was, now = scene.key, scene.status.rights
    gained = [name for name in say.RIGHTS if _turned(was, now, name) is True]
    lost = [name for name in say.RIGHTS if _turned(was, now, name) is False]
    bound = _turned(was, now, "ip_bound")
    said = []
    if gained:
        said.append(say.KEY_MAY_NOW.format(rights=_rights(gained)))
    if lost:
        said.append(say.KEY_MAY_NO_LONGER.format(rights=_rights(lost)))
    if bound is not None:
        said.append(say.KEY_BOUND if bound else say.KEY_UNBOUND)
    if now.expires_at_us != was.expires_at_us and now.expires_at_us is not None:
        said.append(say.KEY_EXPIRES_NOW.format(at=_date(now.expires_at_us, scene)))
    if not said:
        return
    looser = bool(gained) or bound is False
    yield Finding(
        check="key_changed",
        pool="",
        fact="/".join(said),
        title=say.KEY_CHANGED,
        facts=(
            say.KEY_OF.format(venue=wording.venue_name(scene.look.snapshot.venue)),
            *said,
            *([say.NOT_BY_YOU_DELETE] if looser else []),
        ),
        tier=Tier.WARNING if looser else Tier.WATCH,
        lane=Lane.WARNING,
    )


# None: it did not change, or one of the two is not known
def _turned(was: KeyRights, now: KeyRights, name: str) -> bool | None:
    before, after = getattr(was, name), getattr(now, name)
    return None if before is None or before == after else after


def key_expiring(scene: Scene) -> Iterator[Finding]:
    """Find a key whose end is near; told anew at each of the days."""
    until_us = scene.status.rights.expires_at_us if scene.status is not None else None
    if until_us is None:
        return
    left_us = until_us - scene.wall_us
    days = next((day for day in LIMITS.key.days if left_us <= day * DAY_US), None)
    if days is None:
        return
    ends = say.KEY_ENDS_IN if left_us > 0 else say.KEY_ENDS_NOW
    yield Finding(
        check="key_expiring",
        pool="",
        fact=f"{days} days",
        title=say.KEY_EXPIRES,
        facts=(
            ends.format(
                venue=wording.venue_name(scene.look.snapshot.venue),
                left=wording.duration(left_us / SECOND_US),
            ),
            say.KEY_EXPIRES_ON.format(at=_date(until_us, scene)),
            say.KEY_RENEW,
        ),
        tier=Tier.WARNING if days <= LIMITS.key.warning_days else Tier.WATCH,
        lane=Lane.WARNING,
    )


def key_unbound(scene: Scene) -> Iterator[Finding]:
    """Find a key that works from any address."""
    if scene.status is None or scene.status.rights.ip_bound is not False:
        return
    venue = scene.look.snapshot.venue
    lapses = venue == "okx" and scene.status.rights.trade
    yield Finding(
        check="key_unbound",
        pool="",
        fact="unbound",
        title=say.KEY_NOT_BOUND,
        facts=(
            say.KEY_NOT_BOUND_FACT.format(venue=wording.venue_name(venue)),
            say.KEY_BIND,
            *([say.KEY_LAPSES] if lapses else []),
        ),
        tier=Tier.WATCH,
        lane=Lane.WARNING,
        silent=True,
        repeat_us=LIMITS.key.unbound_repeat_us,
    )


def clock_off(scene: Scene) -> Iterator[Finding]:
    """Find our clock off the venue's by more than anybody should bear."""
    off_ms = scene.status.clock_offset_ms if scene.status is not None else 0.0
    if abs(off_ms) <= LIMITS.clock.off_ms:
        return
    far = abs(off_ms) > LIMITS.clock.far_ms
    way, text = ("behind", say.CLOCK_BEHIND) if off_ms > 0 else ("ahead of", say.CLOCK_AHEAD)
    venue = wording.venue_name(scene.look.snapshot.venue)
    yield Finding(
        check="clock_off",
        pool="",
        fact=f"{way}/{far}",
        title=say.CLOCK_OFF,
        facts=(
            text.format(seconds=abs(off_ms) / 1000, venue=venue),
            say.CLOCK_SET_NOW if far else say.CLOCK_SET,
            say.CLOCK_MEANWHILE,
        ),
        tier=Tier.WARNING if far else Tier.WATCH,
        lane=Lane.WARNING,
        repeat_us=LIMITS.clock.repeat_us,
    )


def _rights(names: list[str]) -> str:
    return ", ".join(say.RIGHTS[name] for name in names)


def _date(wall_us: int, scene: Scene) -> str:
    return wording.day_time(wall_us, wording.zone(scene.timezone))
