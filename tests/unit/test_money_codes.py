"""Codes of money requests: every row of the three tables, and that nothing else proves a thing."""

from __future__ import annotations

import pytest

from watcher.domain.topup import Answered
from watcher.venues.binance.codes import CODES as BINANCE
from watcher.venues.bybit.codes import CODES as BYBIT
from watcher.venues.okx.codes import CODES as OKX
from watcher.venues.verdict import Codes, verdict

ALL = {"binance": (BINANCE, 400), "bybit": (BYBIT, 200), "okx": (OKX, 200)}


def _rows(kind: str) -> list[object]:
    rows: list[object] = []
    for venue, (codes, status) in ALL.items():
        listed = getattr(codes, kind)
        rows += [pytest.param(codes, status, code, id=f"{venue} {code}") for code in listed]
    return rows


@pytest.mark.parametrize(("codes", "status", "code"), _rows("rejected"))
def test_a_listed_rejection_is_one_and_no_5xx_makes_it_so(
    codes: Codes, status: int, code: str
) -> None:
    answered, words = verdict(codes, status, code)

    assert answered is Answered.REJECTED
    assert words == codes.rejected[code]
    for other in (500, 502, 503, 504):
        assert verdict(codes, other, code)[0] is Answered.UNKNOWN
    assert verdict(codes, 302, code)[0] is Answered.UNKNOWN


@pytest.mark.parametrize(("codes", "status", "code"), _rows("duplicate"))
def test_a_used_id_is_told_from_a_rejection(codes: Codes, status: int, code: str) -> None:
    assert verdict(codes, status, code)[0] is Answered.DUPLICATE
    assert verdict(codes, 500, code)[0] is Answered.UNKNOWN


@pytest.mark.parametrize(("codes", "status", "code"), _rows("unclear"))
def test_what_a_venue_does_not_know_itself_is_unknown(codes: Codes, status: int, code: str) -> None:
    for each in (status, 500):
        assert verdict(codes, each, code) == (Answered.UNKNOWN, codes.unclear[code])
    assert code not in codes.rejected
    assert code not in codes.duplicate


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.parametrize("code", ["", "0", "1", "-1", "99999", "-9999", "-1000.0", "success"])
@pytest.mark.parametrize("status", [200, 201, 302, 400, 401, 403, 404, 500, 503, 504])
def test_what_is_not_listed_is_unknown(venue: str, code: str, status: int) -> None:
    assert verdict(ALL[venue][0], status, code)[0] is Answered.UNKNOWN


@pytest.mark.parametrize("status", [429, 418])
def test_the_gateway_of_binance_refuses_before_the_engine_and_no_other_does(status: int) -> None:
    assert verdict(BINANCE, status, "")[0] is Answered.REJECTED
    assert verdict(BYBIT, status, "")[0] is Answered.UNKNOWN
    assert verdict(OKX, status, "")[0] is Answered.UNKNOWN


def test_the_lists_are_those_of_the_reference() -> None:
    """Reliability reference §5.9; what adding margin and repaying know beside it: IN_ENGINE."""
    assert {"-1021", "-1022", "-1100", "-1111", "-1130", "-2014", "-2015", "-3041", "-5013"} <= set(
        BINANCE.rejected
    )
    assert not {"-1000", "-1001", "-1002", "-1006", "-1007", "-1008"} & set(BINANCE.rejected)
    moves = {"131202", "131203", "131207", "131208", "131210", "131211", "131212", "131213"}
    assert moves | {"131215", "131228", "131231", "131232"} <= set(BYBIT.rejected)
    assert not {"10000", "10016", "131209", "131217", "131214"} & set(BYBIT.rejected)
    assert {"50011", "50102", "50113", "58001", "58111", "58117", "58128", "58350"} <= set(
        OKX.rejected
    )
    assert not {"50001", "50004", "58006", "58007", "58112", "51000"} & set(OKX.rejected)
