"""Stand-ins for the ports of money, and builders of intents: a venue without network."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from tests.unit.service_stand_ins import START_US
from watcher.domain.topup import Assurance, Intent, Mode, Progress, Route, Verb

MOVE = Route(verb=Verb.MOVE, asset="USDT", source="funding", destination="unified")


def intent(id_: str = "a1", **changes: Any) -> Intent:
    made = Intent(
        id=id_,
        decision_key=f"key of {id_}",
        account="main",
        venue="bybit",
        pool="unified",
        route=MOVE,
        amount=Decimal("100.5"),
        ceiling=Decimal("100.5"),
        progress=Progress.APPROVED,
        assurance=Assurance.DEDUP,
        mode=Mode.AUTO,
        uid="77",
        venue_ref="0" * 32,
        created_us=START_US,
        changed_us=START_US,
    )
    return replace(made, **changes)
