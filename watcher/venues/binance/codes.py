"""
Binance's codes to money requests: what each proves.

Rule: data only. Codes come as the body's `code`, under 4xx; 429 and 418 are the gateway's and
reach no engine. Sources: docs/venues.md, section Binance; reliability reference §5.9.
"""

from __future__ import annotations

from types import MappingProxyType

from watcher.venues.verdict import Codes, each

REFUSED = {
    "-1021": "the time stamp was too old or ahead",
    "-1022": "the signature does not fit the key's secret",
    **each(-1130, -1100, "a parameter was refused"),
    "-2014": "the key is not one of Binance's",
    "-2015": "key, address or permission refused",
}
"""Any request: it did not get past the gate."""

MOVES = {
    "-3041": "the balance is not enough",
    "-5013": "the balance is not enough",
}
IN_ENGINE = {
    "-3015": "more than is owed",
    "-4050": "the cross balance is not enough",
    "-4051": "the isolated balance is not enough",
    "-4054": "the position is gone",
}
"""Adding margin and repaying; both are done, or not, when the engine answers."""

CODES = Codes(
    statuses=frozenset(range(400, 500)),
    rejected=MappingProxyType(REFUSED | MOVES | IN_ENGINE),
    refusing=MappingProxyType({429: "too many requests", 418: "this address is banned"}),
    unclear=MappingProxyType(
        {
            "-1000": "Binance calls the outcome unknown",
            "-1001": "Binance lost the request inside",
            "-1002": "Binance says it is not authorised, not that nothing was done",
            "-1006": "Binance calls the outcome unknown",
            "-1007": "Binance had no answer in time",
            "-1008": "Binance is overloaded",
        }
    ),
)
