"""
The checks of what a venue says beside its numbers: its flags, the mode, the key, the clock.

Rule: as in `checks`. Mode and key are compared with what was known before, so that a change is
found on one reading and told once; what lasts is found on every reading and told again when its
repeat is due. A fact the venue does not tell is no change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from watcher.domain.account import Position, Snapshot, VenueFlag
from watcher.domain.alert import MINUTE_US, SECOND_US, Lane, Tier
from watcher.domain.status import KeyRights
from watcher.policy import wording
from watcher.policy.checks import DAY_US, LOSSES_SHOWN_MAX, Finding, Scene, health_line

MEANINGS = {
    "MARGIN_CALL": "add margin or reduce",
    "SUPPLY_MARGIN": "add margin or reduce",
    "REDUCE_ONLY": "orders may only reduce",
    "ACTIVE_LIQUIDATION": "it is being liquidated",
    "PRE_LIQUIDATION": "it is about to be liquidated",
    "FORCE_LIQUIDATION": "it is being liquidated",
    "BANKRUPTED": "other wallets may be drawn on",
    "Liq": "it is being liquidated",
    "Adl": "it is being deleveraged",
    "isReduceOnly": "it may only get smaller",
    "twap": "others may be sold to repay it",
    "colBorrAutoConversion": "others may be sold to repay it",
}
"""What the first word of a flag means for the trader."""

RIGHTS = ("read", "trade", "transfer", "withdraw")


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
            title=f"{venue.upper()} {'ACTS' if forced else 'WARNS'}",
            facts=(
                *(_flag_said(flag) for flag in flags[:LOSSES_SHOWN_MAX]),
                *health_line(report),
            ),
            tier=max(danger, Tier.CRITICAL if forced else Tier.WARNING),
            lane=Lane.DANGER if forced else Lane.WARNING,
            repeat_us=limits.forced_repeat_us if forced else limits.warned_repeat_us,
        )


def _flag_said(flag: VenueFlag) -> str:
    what = " ".join(wording.name(part) for part in flag.what.split(" "))
    meaning = MEANINGS.get(flag.says.split(" ")[0])
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
            f"Was {wording.words(', '.join(sorted(was - now)))}",
            f"Now {wording.words(', '.join(sorted(now - was)))}",
            *said,
        ]
    if not said:
        return
    rest = len(said) - LOSSES_SHOWN_MAX
    yield Finding(
        check="mode_changed",
        pool="",
        fact="/".join(said),
        title="MODE CHANGED",
        facts=(
            *said[:LOSSES_SHOWN_MAX],
            *([f"and {rest} more"] if rest > 0 else []),
            f"Not by you? Look at {wording.venue_name(after.venue)}",
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
            name = f"{wording.name(old.symbol)} {old.side.value}"
            yield f"{name} was {_kind_of(old.pool)}, now {_kind_of(new.pool)}"


# an isolated pool is named after the position, which the line begins with
def _kind_of(pool: str) -> str:
    return "isolated" if pool.startswith(wording.ISOLATED) else wording.pool_name(pool)


def _key(position: Position) -> tuple[str, str, str]:
    return position.pool, position.symbol, position.side


def key_changed(scene: Scene) -> Iterator[Finding]:
    """Find a key that may do other things than it was last known to."""
    if scene.status is None or scene.key is None:
        return
    was, now = scene.key, scene.status.rights
    gained = [name for name in RIGHTS if _turned(was, now, name) is True]
    lost = [name for name in RIGHTS if _turned(was, now, name) is False]
    bound = _turned(was, now, "ip_bound")
    said = []
    if gained:
        said.append(f"May now {', '.join(gained)}")
    if lost:
        said.append(f"May no longer {', '.join(lost)}")
    if bound is not None:
        said.append("Now bound to addresses" if bound else "No longer bound to addresses")
    if now.expires_at_us != was.expires_at_us and now.expires_at_us is not None:
        said.append(f"Expires now {_date(now.expires_at_us, scene)}")
    if not said:
        return
    looser = bool(gained) or bound is False
    yield Finding(
        check="key_changed",
        pool="",
        fact="/".join(said),
        title="KEY CHANGED",
        facts=(
            f"This {wording.venue_name(scene.look.snapshot.venue)} key:",
            *said,
            *(["Not by you? Delete it there"] if looser else []),
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
    left = wording.duration(left_us / SECOND_US)
    yield Finding(
        check="key_expiring",
        pool="",
        fact=f"{days} days",
        title="KEY EXPIRES",
        facts=(
            f"This {wording.venue_name(scene.look.snapshot.venue)} key ends "
            + (f"in {left}" if left_us > 0 else "now"),
            f"On {_date(until_us, scene)}",
            "Make a new one before: without it, BLIND",
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
        title="KEY NOT BOUND",
        facts=(
            f"This {wording.venue_name(venue)} key works from any address",
            "Bind it to this machine's",
            *(["Unused for 14 days, OKX ends it"] if lapses else []),
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
    way = "behind" if off_ms > 0 else "ahead of"
    venue = wording.venue_name(scene.look.snapshot.venue)
    yield Finding(
        check="clock_off",
        pool="",
        fact=f"{way}/{far}",
        title="CLOCK OFF",
        facts=(
            f"This machine is {abs(off_ms) / 1000:.1f} s {way} {venue}",
            "5 s off, exchanges refuse: set it NOW" if far else "Set it, and keep it set by NTP",
            "Requests are signed with its time meanwhile",
        ),
        tier=Tier.WARNING if far else Tier.WATCH,
        lane=Lane.WARNING,
        repeat_us=LIMITS.clock.repeat_us,
    )


def _date(wall_us: int, scene: Scene) -> str:
    return wording.day_time(wall_us, wording.zone(scene.timezone))
