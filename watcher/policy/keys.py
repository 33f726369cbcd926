"""
Whose key it is: what is remembered of an account's key between two decisions.

Rule: the first account a key was seen to belong to is the account, for good: another one under the
same name is somebody's mistake or somebody's attack, and is not watched. Nothing that is not told
is taken for a difference, and none of it is forgotten for that.
"""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import tzinfo

from watcher.domain.alert import Missed, MissKind, Moment
from watcher.domain.status import KeyRights, VenueStatus
from watcher.policy import messages as say
from watcher.policy import wording


def stranger(key: KeyRights | None, status: VenueStatus | None) -> Missed | None:
    """Return why nothing is read where *status* is of another account than *key* was."""
    was = key.uid if key is not None else None
    now = status.rights.uid if status is not None else None
    if was is None or now is None or was == now:
        return None
    return Missed(kind=MissKind.STRANGER, reason=say.KEY_STRANGE_REASON.format(now=now, was=was))


def known(key: KeyRights | None, status: VenueStatus | None) -> KeyRights | None:
    """Return what is to be remembered of the key: the newest that was told of each right."""
    if key is None or status is None:
        return key if status is None else status.rights
    untold = [f.name for f in fields(KeyRights) if getattr(status.rights, f.name) is None]
    kept = {name: getattr(key, name) for name in untold if name != "expires_at_us"}
    return replace(status.rights, **kept)


def explained(missed: Missed, key: KeyRights | None, now: Moment, zone: tzinfo) -> Missed:
    """Return *missed*; where a key is refused whose time is over, that is why."""
    until_us = key.expires_at_us if key is not None else None
    if missed.kind is not MissKind.REFUSED or until_us is None or now.wall_us < until_us:
        return missed
    return replace(missed, reason=say.KEY_EXPIRED.format(at=wording.day_time(until_us, zone)))
