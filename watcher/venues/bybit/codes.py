"""
Bybit's codes to money requests: what each proves.

Rule: data only. Codes come as `retCode`, under HTTP 200; any other status is the gateway's and
proves nothing. Sources: docs/venues.md, section Bybit; reliability reference §5.9.
"""

from __future__ import annotations

from types import MappingProxyType

from watcher.venues.verdict import Codes

REFUSED = {
    "10002": "the time stamp was too old or ahead",
    "10003": "the key does not exist or was revoked",
    "10004": "the signature does not fit the key's secret",
    "10005": "the key lacks the right",
    "10006": "too many requests with this key",
    "10010": "this address is not on the key's list",
}
MOVES = {
    "131202": "the member was refused",
    "131203": "a parameter was refused",
    "131207": "the account does not exist",
    "131208": "the transfer is forbidden",
    "131210": "more decimals than the coin has",
    "131211": "the two accounts are the same",
    "131212": "the balance is not enough",
    "131213": "a loan holds the coins back",
    "131215": "the amount was refused",
    "131228": "the balance is not enough",
    "131231": "transfers into this account are closed",
    "131232": "transfers out of this account are closed",
}
IN_ENGINE = {
    "110014": "the balance is not enough",
    "110015": "the account is in cross margin mode",
    "110077": "the account is in portfolio margin mode",
}
"""Adding margin and repaying; both are done, or not, when the engine answers."""

CODES = Codes(
    statuses=frozenset({200}),
    rejected=MappingProxyType(REFUSED | MOVES | IN_ENGINE),
    duplicate=MappingProxyType(
        {"131214": "this transfer was sent before", "10014": "this request was sent before"}
    ),
    unclear=MappingProxyType(
        {
            "10000": "Bybit had no answer in time",
            "10016": "Bybit had an error inside",
            "131200": "Bybit's transfer service failed",
            "131201": "Bybit's transfer service failed",
            "131204": "Bybit does not say what became of it",
            "131205": "Bybit does not say what became of it",
            "131206": "Bybit does not say what became of it",
            "131209": "Bybit does not say what became of it",
            "131216": "Bybit does not say what became of it",
            "131217": "Bybit's risk check does not say what became of it",
        }
    ),
)
