"""
What became of a pool whose positions are now in another one: a switch of margin mode, not an end.

Rule: a switch of mode is no proof of safety. The danger goes along with the positions, and eases
only as any other does: when the new pool has looked better for long enough. Only where all that
the pool held is found again, in one pool and in full; or, of debts, where the account went into
portfolio margin or out of it: there the venue tells one ratio, and not what is owed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from watcher.domain.account import Family, Snapshot
from watcher.domain.alert import DangerState


def carried(
    dangers: Mapping[str, DangerState], before: Snapshot | None, after: Snapshot
) -> Mapping[str, DangerState]:
    """Return *dangers* with those of vanished pools under the pool that has their positions now."""
    if before is None:
        return dangers
    kept = dict(dangers)
    for pool in [name for name in dangers if name not in after.rules]:
        target = _moved_to(pool, before, after)
        if target is None:
            continue
        old, there = kept.pop(pool), kept.get(target)
        if there is None or there.tier < old.tier:
            kept[target] = replace(old, pool=target)
    return kept


def swallowed(pool: str, before: Snapshot, after: Snapshot) -> str | None:
    """Return the new pool that stands for what *pool* owed, where its debts are told no more."""
    if pool in after.rules or pool not in before.rules:
        return None
    new = [name for name in after.rules if name not in before.rules]
    if before.rules[pool].family is Family.REPORTED:
        found = [name for name in new if any(a.pool == name and a.debt for a in after.assets)]
    else:
        found = [name for name in new if after.rules[name].family is Family.REPORTED]
    return found[0] if len(found) == 1 else None


def _moved_to(pool: str, before: Snapshot, after: Snapshot) -> str | None:
    held = [position for position in before.positions if position.pool == pool]
    if not held:
        return swallowed(pool, before, after)
    targets = {
        new.pool
        for old in held
        for new in after.positions
        if (new.symbol, new.side) == (old.symbol, old.side) and new.quantity >= old.quantity
    }
    found = {(new.symbol, new.side) for new in after.positions if new.pool in targets}
    whole = all((old.symbol, old.side) in found for old in held)
    return targets.pop() if len(targets) == 1 and whole else None
