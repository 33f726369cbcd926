"""
How values become rows: JSON through pydantic, exact and strict.

Rule: a Decimal is text, a time an integer, an infinity `Infinity`; what does not read back as the
same type is an error, never a guess. What the ledger keeps of an account is its *durable* part:
tiers, incidents, what was told. Readings (the last snapshot, recent samples) belong to the history,
and counters towards leaving a tier start anew after a restart, which only makes leaving slower.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace

import structlog
from pydantic import ConfigDict, TypeAdapter, ValidationError

from watcher.domain.account import Snapshot
from watcher.domain.alert import AccountState, Message, Missed, Sample, Tier
from watcher.ports import StoreError

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The last readings of an account, kept in the history as one row."""

    last_good: Snapshot
    last_good_at_us: int
    recent: tuple[Sample, ...] = ()


_STATE = TypeAdapter(AccountState)
_MESSAGE = TypeAdapter(Message)
_SNAPSHOT = TypeAdapter(Snapshot)
_SAMPLES = TypeAdapter(tuple[Sample, ...], config=ConfigDict(ser_json_inf_nan="constants"))


def durable(state: AccountState) -> AccountState:
    """Return *state* without readings and without counters that change at every poll."""
    dangers = {
        pool: replace(
            danger, good_since_us=None, good_samples=0, good_worst=Tier.CALM, good_gone=False
        )
        for pool, danger in state.dangers.items()
    }
    findings = {
        name: replace(finding, bad_samples=0, good_samples=0)
        for name, finding in state.findings.items()
        if finding.fact or finding.incident is not None
    }
    blind = replace(state.blind, misses=0, alike=0, missed=_kept(state.blind.missed))
    return replace(
        state,
        last_good=None,
        last_good_at_us=None,
        last_report=None,
        recent=(),
        crossed={},
        still={},
        dangers=dangers,
        findings=findings,
        blind=blind,
    )


# why an account cannot be read changes its wording at every poll ("no answer for 5 s"): only the
# kind is worth a synced write
def _kept(missed: Missed | None) -> Missed | None:
    return None if missed is None else replace(missed, reason=missed.kind.value, until_us=None)


def state_text(state: AccountState) -> str:
    return json.dumps(_STATE.dump_python(state, mode="json"), separators=(",", ":"))


def state_of(text: str, account: str) -> AccountState:
    """Raises: `StoreError` when the row is not an `AccountState` of this version."""
    try:
        return _STATE.validate_python(json.loads(text))
    except (ValidationError, ValueError) as error:
        raise StoreError(
            f"ledger: state of {account} does not read back: {_brief(error)}"
        ) from error


def message_text(message: Message) -> str:
    return json.dumps(_MESSAGE.dump_python(message, mode="json"), separators=(",", ":"))


def message_of(text: str) -> Message:
    """Raises: `StoreError` when the row is not a `Message` of this version."""
    try:
        return _MESSAGE.validate_python(json.loads(text))
    except (ValidationError, ValueError) as error:
        raise StoreError(f"ledger: an outbox row does not read back: {_brief(error)}") from error


def reading_texts(reading: Reading) -> tuple[bytes, str]:
    """Return the snapshot and the recent samples as two columns."""
    return _SNAPSHOT.dump_json(reading.last_good), _SAMPLES.dump_json(reading.recent).decode()


def reading_of(snapshot: bytes, at_us: int, recent: str) -> Reading:
    """Raises: `StoreError` when the row is not of this version; the history may be dropped."""
    try:
        return Reading(
            last_good=_SNAPSHOT.validate_json(snapshot),
            last_good_at_us=at_us,
            recent=_SAMPLES.validate_json(recent),
        )
    except (ValidationError, ValueError) as error:
        raise StoreError(f"history: last reading does not read back: {_brief(error)}") from error


def merged(
    states: Mapping[str, AccountState], readings: Mapping[str, Reading]
) -> dict[str, AccountState]:
    """Return what the ledger knows with the readings of the history, where there are any."""
    accounts = {**{name: AccountState(account=name) for name in readings}, **states}
    return {
        name: state
        if (reading := readings.get(name)) is None
        else replace(
            state,
            last_good=reading.last_good,
            last_good_at_us=reading.last_good_at_us,
            recent=reading.recent,
        )
        for name, state in accounts.items()
    }


def states_of(ledger: sqlite3.Connection) -> tuple[dict[str, AccountState], tuple[str, ...]]:
    states: dict[str, AccountState] = {}
    notes: tuple[str, ...] = ()
    for account, text in ledger.execute("SELECT account, state FROM account_state"):
        try:
            states[account] = state_of(text, account)
        except StoreError as error:
            log.error("state.unreadable", account=account, reason=str(error))  # noqa: TRY400 - told below
            notes += (f"{account}: what was remembered does not read back; it starts afresh.",)
    return states, notes


def _brief(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return type(error).__name__
