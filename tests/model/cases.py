"""
The cases of `make model`: what must be safe, and each broken rule that must be found to double.

A: the venue keeps no ids, or does not refuse used ones. B: it refuses a used id. V: one rule of the
protocol broken, each in one way. Tables and names follow the reliability reference §5.6.
"""

from __future__ import annotations

from dataclasses import replace

from tests.model.case import Case
from watcher.domain.topup import Assurance

FULL = Case(name="A1", words="the full protocol, venue without ids")
DEDUP = Case(
    name="B1",
    words="venue refuses used ids, sent again at once",
    assurance=Assurance.DEDUP,
)
STAMPS_IGNORED = replace(DEDUP, name="B2", words="B1, time stamps ignored", checks_stamp=False)
NO_AGE_NO_ID = Case(
    name="A4",
    words="one send ever; venue ignores time stamps",
    assurance=Assurance.BLIND_SEND,
    checks_stamp=False,
)

SAFE = (
    FULL,
    replace(FULL, name="A2", words="A1 without any lease", lease=False),
    replace(FULL, name="A3", words="A1, venue queues, settle time covers it", queue=2),
    NO_AGE_NO_ID,
    replace(FULL, name="A5", words="A1, venue refuses at will", refuses=True),
    replace(
        FULL,
        name="A6",
        words="one send, then a person who looks after the settle time",
        assurance=Assurance.BLIND_SEND,
        asks_person=True,
    ),
    DEDUP,
    STAMPS_IGNORED,
    replace(STAMPS_IGNORED, name="B3", words="B2, power loss takes commits", power_loss=True),
    replace(STAMPS_IGNORED, name="B4", words="B2, HTTP client sends again", client_repeats=True),
    replace(STAMPS_IGNORED, name="B5", words="B2, two ledgers, no lease", split=True, lease=False),
    replace(DEDUP, name="B6", words="B1, venue refuses at will", refuses=True),
)

BAD = (
    replace(FULL, name="V1", words='first "not found" believed', believes_first_absence=True),
    replace(FULL, name="V2", words="signed after the commit", stamps_after_commit=True),
    replace(FULL, name="V3", words="sent first, recorded after", records_after_send=True),
    replace(FULL, name="V4", words="HTTP client sends again, fresh stamp", client_repeats=True),
    replace(FULL, name="V5", words="A1, venue ignores time stamps", checks_stamp=False),
    replace(DEDUP, name="V6", words="B1, a fresh id at each send", fresh_id_each_send=True),
    replace(FULL, name="V7", words="A1, power loss takes commits", power_loss=True),
    replace(FULL, name="V8", words="lease looked at on waking only", claims_without_look=True),
    replace(FULL, name="V9", words="queue longer than settle time", queue=2, settles_early=True),
    replace(FULL, name="V10", words="A1, two ledgers", split=True, lease=False),
    replace(FULL, name="V11", words="found in sending, sent again", repeats_after_restart=True),
    replace(
        FULL,
        name="V12",
        words="absences before the settle time count",
        counts_early_absences=True,
        expected="wrong",
    ),
    replace(
        DEDUP,
        name="V13",
        words="refusal of a repeat taken for the first",
        refuses=True,
        believes_late_rejection=True,
    ),
    replace(
        FULL,
        name="V14",
        words="a person says no before it can show",
        assurance=Assurance.BLIND_SEND,
        asks_person=True,
        person_answers_at_once=True,
    ),
)

CASES = SAFE + tuple(
    case if case.expected == "wrong" else replace(case, expected="double") for case in BAD
)
