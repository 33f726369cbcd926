"""
Captures: what is written names nobody, and what is read is the account that was captured.

Rule: the corpus in tests/payloads/captures goes the whole way, through ccxt and the adapters; every
file put there is tested. Canaries are planted where venues put such things.
"""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.replaying import Replay, SteppedClock, Told, replaying
from watcher.cli.margin import main as margin
from watcher.margin import evaluate
from watcher.ports import VenueError
from watcher.venues import open_venue
from watcher.venues.capture import (
    STAND_IN,
    Capture,
    CaptureError,
    Quiet,
    Tape,
    read_capture,
    record,
    replayed,
    snapshot_of,
    write_capture,
)
from watcher.venues.ccxt_venue import Credentials
from watcher.venues.redact import Redactor

FOLDER = Path(__file__).resolve().parents[1] / "payloads" / "captures"
CORPUS = sorted(FOLDER.glob("*.json"))

CANARIES = {
    "apiKey": "canaryKEY0123456789abcdef",
    "userID": 5551234567,
    "uid": "5559876543",
    "orderId": "canary-order-1",
    "orderLinkId": "my canary link",
    "clOrdId": "canaryclient7",
    "email": "canary@example.com",
    "ips": ["203.0.113.77", "*"],
    "ip": "203.0.113.78,203.0.113.79",
    "note": "canary note",
    "depositAddress": "0xcafebabecafebabecafebabecafebabecafebabe",
    "nextPageCursor": "canary%3Acursor",
    "strange": "CanaryCanary0123456789xyz",
    "deviceUuid": "123e4567-e89b-42d3-a456-426614174000",
    "greeting": "Hello Canary Person",
    "v6": "2001:db8::ff00:42:8329",
}


def words_of(value: object) -> list[str]:
    if isinstance(value, list):
        return [word for one in value for word in words_of(one)]
    return [] if value == "*" else str(value).split(",")


# ── what is written ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", sorted(CANARIES))
def test_nothing_that_identifies_is_left(name: str) -> None:
    redactor = Redactor(["canary-secret-value"])
    body = {"list": [{name: CANARIES[name], "size": "0.001"}], "deep": {"x": {name: "kept-not"}}}

    text = json.dumps(redactor.body(body, signed=True))

    for word in words_of(CANARIES[name]):
        assert word not in text
    assert '"0.001"' in text
    assert sum(redactor.replaced.values()) >= 1


def test_a_secret_is_taken_out_of_public_answers_and_keys_too() -> None:
    redactor = Redactor(["s3cr3t-passphrase"])

    body = redactor.body({"echo s3cr3t-passphrase": ["and s3cr3t-passphrase here"]}, signed=False)

    assert "s3cr3t" not in json.dumps(body)


def test_the_same_value_becomes_the_same_stand_in() -> None:
    redactor = Redactor()

    first = redactor.body({"uid": "777001", "mainUid": "777001"}, signed=True)
    second = redactor.body({"list": [{"userId": "777001", "orderId": "777002"}]}, signed=True)

    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert first["uid"] == first["mainUid"] == second["list"][0]["userId"]
    assert first["uid"] != second["list"][0]["orderId"]


def test_what_a_report_is_about_stays() -> None:
    kept: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "instId": "BTC-USD-261225-100000-C",
        "groupId": "3",
        "riskId": 2,
        "side": "Sell",
        "size": "-0.0300",
        "markPrice": "60123.45678901234567890",
        "adjEq": "",
        "orderLinkId": "",
        "uid": "0",
        "marginMode": "REGULAR_MARGIN",
        "updatedTime": "1697078946000",
        "expiredAt": "2027-02-15T03:13:24Z",
        "perm": "read_only",
        "cap": 9223372036854775807,
        "leverage": Decimal("20.50"),
        "hedged": True,
        "gone": None,
    }

    assert Redactor().body(kept, signed=True) == kept


def test_requests_lose_what_signs_them() -> None:
    asked = {"timestamp": "1", "signature": "ab", "recvWindow": "5", "symbol": "X", "cursor": "me"}

    assert Redactor().query(asked, signed=True) == {"cursor": "removed-1", "symbol": "X"}


# ── there and back ───────────────────────────────────────────────────────────────────────────


def test_numbers_keep_their_digits() -> None:
    text = '{"a": 0.10000000000000000001, "b": [1, -2.50, 1E-7], "c": [], "d": {}, "e": "ü\\n"}'
    row = (
        '{"method": "GET", "path": "/x", "query": {}, "status": 200, "at_ms": 1.5, '
        f'"signed": false, "body": {text}}}'
    )
    head = '"schema": "watcher.capture/1", "venue": "okx", "mode": "m", "replaced": {}'

    capture = read_capture(f'{{{head}, "answers": [{row}]}}')

    assert read_capture(write_capture(capture)) == capture
    assert "0.10000000000000000001" in write_capture(capture)
    assert "-2.50" in write_capture(capture)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_captured_account_reads_as_the_venue_saw_it(path: Path) -> None:
    snapshot = snapshot_of(path.read_bytes())

    report = evaluate(snapshot)
    assert snapshot.positions or snapshot.assets
    assert report.pools
    assert all(abs(pool.disagreement or 0.0) < 0.05 for pool in report.pools)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_capture_of_a_capture_is_the_same(path: Path) -> None:
    before = read_capture(path.read_bytes())

    again = Capture(venue=before.venue, mode=before.mode, answers=before.answers)

    assert asyncio.run(replayed(again)) == snapshot_of(path.read_bytes())
    redactor = Redactor()
    for one in before.answers:
        body = redactor.body(one.body, signed=one.signed)
        assert json.dumps(body, default=str).count("removed-") == json.dumps(
            one.body, default=str
        ).count("removed-")


def test_margin_takes_a_capture_as_it_takes_a_snapshot(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = margin([str(FOLDER / "bybit.json")])

    assert code == 0
    assert "pool unified (haircut_pool, ok)" in capsys.readouterr().out


def test_the_clock_of_a_replay_is_the_clock_of_the_capture() -> None:
    path = FOLDER / "bybit.json"
    times = [one.at_ms for one in read_capture(path.read_bytes()).answers]

    snapshot = snapshot_of(path.read_bytes())

    for at_us in snapshot.parts.values():
        assert min(times) <= at_us / 1000 <= max(times)


# ── what is wrong ────────────────────────────────────────────────────────────────────────────


def test_a_missing_answer_is_named() -> None:
    whole = read_capture((FOLDER / "okx_futures.json").read_bytes())
    less = [one for one in whole.answers if not one.path.endswith("/account/positions")]
    text = write_capture(Capture(venue="okx", mode="m", answers=tuple(less)))

    with pytest.raises(CaptureError, match="no answer to GET /api/v5/account/positions"):
        snapshot_of(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty answer"),
        ('{"schema": "watcher.capture/9"}', "expected 'watcher.capture/1'"),
        ('{"schema": "watcher.capture/1", "venue": "mtgox"}', "venue: expected one of binance"),
        (
            '{"schema": "watcher.capture/1", "venue": "okx"}',
            "answers: expected list, found nothing",
        ),
        (
            (
                '{"schema": "watcher.capture/1", "venue": "okx", "mode": "m", "replaced": {}, '
                '"answers": [{"query": {}, "body": 5}]}'
            ),
            r"answers\[0\].body",
        ),
    ],
)
def test_a_file_that_is_no_capture_is_refused_with_words(text: str, said: str) -> None:
    with pytest.raises(CaptureError, match=said):
        read_capture(text)


def test_a_poll_that_failed_is_captured_with_its_trouble() -> None:
    """A firewall's page names addresses: only that it was no answer is kept."""
    page = Told(body=b"<html>your address 203.0.113.9 is blocked</html>", status=403)
    replay = Replay({"/v5/market/time": lambda _: page, "/v5/user/query-api": lambda _: page})
    clock = SteppedClock(1_790_000_000_000)

    async def run() -> Capture:
        async with replaying("bybit", replay, clock):
            endpoint = replay.endpoint
            tape = Tape(clock, Redactor())
            venue = open_venue(
                "bybit", "main", Credentials(api_key="k", api_secret="s"), endpoint=endpoint,
                clock=clock.now, timeout_s=2.0, log=Quiet(), shared=tape,
            )  # fmt: skip
            try:
                capture, snapshot = await record(venue, tape, "bybit")
            finally:
                await venue.close()
                await tape.close()
            assert snapshot is None
            return capture

    capture = asyncio.run(run())

    text = write_capture(capture)
    assert capture.trouble is not None
    assert capture.answers[0].status == 403
    assert "203.0.113.9" not in text
    with pytest.raises(VenueError):
        asyncio.run(replayed(read_capture(text)))
    assert STAND_IN.api_key not in text.replace('"captured"', "")
