"""
`watcher ledger`: every top-up ever decided, as the ledger has it; changes nothing.

Rule: needs neither secrets nor network. Exit code 1 where one of them waits for a person.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from watcher.cli import FINE, REFUSED, TROUBLE, show
from watcher.cli.options import config_parser, settings_of
from watcher.domain.alert import SECOND_US
from watcher.domain.topup import Intent, Progress
from watcher.policy import wording
from watcher.ports import StoreError
from watcher.settings import Need, Settings
from watcher.store.beside import purse_of

SCHEMA = "watcher.ledger/1"


def main(argv: Sequence[str]) -> int:
    parser = config_parser("ledger", "Show every top-up that was decided and what became of it.")
    parser.add_argument("--account", metavar="NAME", help="only this account")
    parser.add_argument("--json", action="store_true", help=f"print one {SCHEMA} document instead")
    arguments = parser.parse_args(argv)
    settings = settings_of(arguments, Need.NOTHING)
    if settings is None:
        return REFUSED
    try:
        found = purse_of(Path(settings.state_dir)).intents
    except StoreError as error:
        print(f"watcher: {error}", file=sys.stderr)
        return TROUBLE
    if arguments.account is not None:
        known = {*settings.accounts, *(intent.account for intent in found)}
        if arguments.account not in known:
            names = ", ".join(sorted(known)) or "none"
            print(f"watcher: --account {arguments.account}: known are {names}", file=sys.stderr)
            return REFUSED
        found = [intent for intent in found if intent.account == arguments.account]
    if arguments.json:
        document = {"schema": SCHEMA, "intents": [_facts(intent) for intent in found]}
        print(json.dumps(document, indent=1))
    else:
        _tell(found, settings)
    return TROUBLE if any(one.progress is Progress.HUMAN for one in found) else FINE


def _tell(found: Sequence[Intent], settings: Settings) -> None:
    if not found:
        print("no top-up was ever decided here")
        return
    where = wording.zone(settings.timezone)
    head = ["id", "at", "account", "mode", "amount", "way", "state", "why"]
    rows = [
        [
            one.id,
            wording.day_time(one.created_us, where),
            one.account,
            one.mode.value,
            f"{one.amount:f} {one.route.asset}",
            f"{one.route.verb.value} {one.route.source} > {one.route.destination}",
            one.progress.value,
            one.reason,
        ]
        for one in found
    ]
    show.table(head, rows, words=len(head))


def _facts(one: Intent) -> dict[str, object]:
    return {
        "id": one.id,
        "account": one.account,
        "venue": one.venue,
        "pool": one.pool,
        "verb": one.route.verb.value,
        "asset": one.route.asset,
        "source": one.route.source,
        "destination": one.route.destination,
        "amount": f"{one.amount:f}",
        "mode": one.mode.value,
        "state": one.progress.value,
        "reason": one.reason,
        "incident": one.incident,
        "assurance": one.assurance.value,
        "attempt": one.attempt,
        "sends": one.sends,
        "venue_ref": one.venue_ref,
        "venue_id": one.venue_id,
        "signed_ms": one.ts_sign_ms,
        "before": one.before,
        "after": one.after,
        "created": _iso(one.created_us),
        "changed": _iso(one.changed_us),
        "evidence": list(one.evidence),
    }


def _iso(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / SECOND_US, UTC).isoformat(timespec="seconds")
