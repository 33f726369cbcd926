"""
Every combination of rights a venue can report, against every mode and verb: which key moves money.

The rule is written down here once more, on the venue's own words, and shares nothing with the
readers or with `policy.arming`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, combinations, product
from typing import Any

import pytest

from tests.unit.money_rig import ADDS, MOVES, REPAYS
from watcher.domain.alert import Measure
from watcher.domain.status import KeyRights
from watcher.domain.topup import Mode, TopUpRules, Verb
from watcher.policy.arming import unfit_key
from watcher.ports import WithdrawalRight
from watcher.venues.binance.money import read_rights as binance_rights
from watcher.venues.bybit.tables import read_rights as bybit_rights
from watcher.venues.okx.tables import read_config

SENDING = (Mode.ASK, Mode.AUTO)
WAYS = {Verb.MOVE: MOVES, Verb.ADD_MARGIN: ADDS, Verb.REPAY: REPAYS}

# ── what each venue can report, with what it comes to: withdraw, bound, move, trade ──────────

Case = tuple[Any, bool, bool, bool, bool]


def _some(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return chain.from_iterable(combinations(words, n) for n in range(len(words) + 1))


def _verbs(venue: str) -> list[tuple[Verb, ...]]:
    """Every set of verbs there is at *venue*: OKX repays nothing by request."""
    there = [verb for verb in Verb if venue in WAYS[verb]]
    return [some for n in range(1, len(there) + 1) for some in combinations(there, n)]


def binance() -> Iterator[Case]:
    names = (
        "enableReading",
        "enableWithdrawals",
        "enableInternalTransfer",
        "permitsUniversalTransfer",
        "enableMargin",
        "enableFutures",
        "enableSpotAndMarginTrading",
        "ipRestrict",
    )
    for values in product((False, True), repeat=len(names)):
        body = dict(zip(names, values, strict=True))
        trade = body["enableFutures"] or body["enableSpotAndMarginTrading"]
        yield (
            body,
            body["enableWithdrawals"],
            body["ipRestrict"],
            body["permitsUniversalTransfer"],
            trade,
        )


def bybit() -> Iterator[Case]:
    wallets = tuple(_some(("AccountTransfer", "SubMemberTransferList", "Withdraw")))
    trades = tuple(_some(("ContractTrade", "Spot")))
    addresses: tuple[list[str], ...] = ([], ["*"], ["203.0.113.7"], ["*", "203.0.113.7"])
    for read_only, wallet, trade, ips in product((0, 1), wallets, trades, addresses):
        body = {
            "retCode": 0,
            "result": {
                "readOnly": read_only,
                "permissions": {
                    "Wallet": list(wallet),
                    "ContractTrade": ["Order", "Position"] if "ContractTrade" in trade else [],
                    "Spot": ["SpotTrade"] if "Spot" in trade else [],
                },
                "ips": ips,
                "userID": 1,
                "deadlineDay": -2,
                "expiredAt": "1970-01-01T00:00:00Z",
            },
        }
        writes = read_only == 0
        yield (
            body,
            "Withdraw" in wallet,
            "203.0.113.7" in ips,
            writes and "AccountTransfer" in wallet,
            writes and bool(trade),
        )


def okx() -> Iterator[Case]:
    for words, ip in product(_some(("read_only", "trade", "withdraw")), ("", "203.0.113.7")):
        if not words:
            continue  # a key has one of them at least
        body = {
            "code": "0",
            "data": [{"acctLv": "2", "posMode": "net_mode", "perm": ",".join(words), "ip": ip}],
        }
        yield body, "withdraw" in words, bool(ip), "trade" in words, "trade" in words


READERS = {
    "binance": (binance, binance_rights, 256),
    "bybit": (bybit, bybit_rights, 256),
    "okx": (okx, lambda body: read_config(body).rights, 14),
}


def rules(venue: str, mode: Mode, verbs: tuple[Verb, ...]) -> TopUpRules:
    return TopUpRules(
        mode=mode,
        routes=tuple(WAYS[verb][venue] for verb in verbs),
        measure=Measure.DISTANCE,
        trigger=8,
        target=12,
    )


def may_act(case: Case, mode: Mode, verbs: tuple[Verb, ...]) -> bool:
    _, withdraw, bound, move, trade = case
    if withdraw:
        return False
    if mode not in SENDING:
        return True
    # what happens inside an engine needs the right to trade there
    inside = Verb.ADD_MARGIN in verbs or Verb.REPAY in verbs
    return bound and (move or Verb.MOVE not in verbs) and (trade or not inside)


@pytest.mark.parametrize("venue", READERS)
def test_each_key_a_venue_can_report_moves_money_or_not_as_it_should(venue: str) -> None:
    cases, read, expected = READERS[venue]
    seen = acted = 0
    for case in cases():
        seen += 1
        rights: KeyRights | None
        try:
            rights = read(case[0])
        except WithdrawalRight:
            rights = None
        for mode, verbs in product(Mode, _verbs(venue)):
            unfit = rights is None or unfit_key(rules(venue, mode, verbs), rights) is not None
            assert unfit != may_act(case, mode, verbs), (case, mode, verbs)
            acted += not unfit and mode in SENDING
    assert seen == expected
    assert acted
