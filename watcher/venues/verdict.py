"""
What the answer to a money request proves, by the raw HTTP status and the venue's raw code.

Rule: the codes are data (one table per venue, a test per row); what is in no list is unknown. No
5xx proves anything, whatever its body says, and a library's exception classes are not asked.
Source: reliability reference §5.9.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from watcher.domain.topup import Answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """
    One venue's lists, by code in the venue's spelling, with what it means in our words.

    `rejected` proves that nothing moved, if it comes under one of `statuses`; `duplicate` that the
    id was used before. `refusing` are statuses that prove a rejection without a code. `unclear`
    proves nothing and is listed for its words only.
    """

    statuses: frozenset[int]
    rejected: Mapping[str, str]
    duplicate: Mapping[str, str] = field(default_factory=dict)
    refusing: Mapping[int, str] = field(default_factory=dict)
    unclear: Mapping[str, str] = field(default_factory=dict)


def verdict(codes: Codes, status: int, code: str) -> tuple[Answered, str]:
    """Return what *code* under *status* proves, and its words."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Answered.UNKNOWN, codes.unclear.get(code, "no usable answer")
    if code in codes.duplicate and status in codes.statuses:
        return Answered.DUPLICATE, codes.duplicate[code]
    if code in codes.rejected and status in codes.statuses:
        return Answered.REJECTED, codes.rejected[code]
    if status in codes.refusing:
        return Answered.REJECTED, codes.refusing[status]
    return Answered.UNKNOWN, codes.unclear.get(code, "not a listed answer")


def each(first: int, last: int, words: str) -> dict[str, str]:
    """Return one row per code from *first* to *last*, both included."""
    return {str(code): words for code in range(first, last + 1)}
