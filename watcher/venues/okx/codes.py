"""
OKX's codes to money requests: what each proves.

Rule: data only. Codes come as `code`, under HTTP 200 or 4xx. A rejected transfer counts as that
only after one look-up says the same (OKX: the answer to a request and its result may differ).
Sources: docs/venues.md, section OKX; reliability reference §5.9.
"""

from __future__ import annotations

from types import MappingProxyType

from watcher.venues.verdict import Codes, each

REFUSED = {
    "50011": "too many requests",
    **each(50100, 50199, "the key or its signature was refused"),
    "50102": "the time stamp was too old or ahead",
    "50110": "this address is not on the key's list",
    "50112": "the time stamp was refused",
    "50120": "the key lacks the right",
}
MOVES = {
    **each(58001, 58005, "the account may not move this"),
    **each(58100, 58111, "the transfer was refused"),
    **each(58114, 58117, "the amount or the account was refused"),
    **each(58125, 58128, "this way is closed to the account"),
    "58350": "the balance is not enough",
}
IN_ENGINE = {
    "59300": "the position is gone",
    "59301": "more than may be added",
}
"""Adding margin; it is done, or not, when the engine answers."""

CODES = Codes(
    statuses=frozenset({200, *range(400, 500)}),
    rejected=MappingProxyType(REFUSED | MOVES | IN_ENGINE),
    duplicate=MappingProxyType({"58404": "this transfer was sent before"}),
    unclear=MappingProxyType(
        {
            "50001": "OKX is not available",
            "50004": "OKX had no answer in time",
            "50013": "OKX is busy",
            "50026": "OKX had an error inside",
            "51000": "OKX calls a parameter wrong, not the request undone",
            "58006": "OKX's transfer service is not available",
            "58007": "OKX's transfer service is not available",
            "58112": "OKX does not say what became of it",
        }
    ),
)
