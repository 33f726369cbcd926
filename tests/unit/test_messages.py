"""The words: every kind of message against its golden text, and hostile names against all."""

from __future__ import annotations

import math
import os
import re
import unicodedata
from dataclasses import replace
from datetime import UTC
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.policy_books import RULES, START_US, moment, pool_report, reading, unified
from watcher.domain.account import Family, Side, VenueRatio
from watcher.domain.alert import (
    MINUTE_US,
    SECOND_US,
    AccountState,
    BlindState,
    DangerState,
    Incident,
    Kind,
    Measure,
    Missed,
    MissKind,
    Text,
    Tier,
)
from watcher.domain.report import PoolReport, Status
from watcher.policy import compose, lines, notes, verbs, wording
from watcher.policy import messages as say
from watcher.policy.advice import Advice, Closing, Spare
from watcher.policy.compose import Sight
from watcher.policy.figures import Alone, Figures, Joint
from watcher.policy.readings import read

GOLDEN = Path(__file__).parent / "golden"
INCIDENT = Incident(code="K7F3", seq=2, opened_at_us=START_US - 24 * MINUTE_US)
TOLERANCE = 3.0
WIDTH_MAX = 54
"""The widest line of the models: "Equity 14,760 USDT, must keep 1,566 (MM rate 10.6 %)"."""


def shown(text: Text) -> str:
    """The text with its bold spans in brackets and its fixed ones in angles."""
    marks: list[tuple[int, int, str]] = []
    for spans, opening, closing in ((text.bold, "⟦", "⟧"), (text.fixed, "‹", "›")):
        for start, end in spans:
            assert 0 <= start < end <= len(text.plain)
            marks += [(start, 1, opening), (end, 0, closing)]
    plain = text.plain
    for at, _, mark in sorted(marks, reverse=True):
        plain = plain[:at] + mark + plain[at:]
    return plain + "\n"


def check(name: str, text: Text) -> None:
    """Compare with the golden file; UPDATE_GOLDEN=1 in the environment rewrites it."""
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(shown(text), encoding="utf-8")
    assert shown(text) == path.read_text(encoding="utf-8")
    fits(text)


def fits(text: Text) -> None:
    rows = text.plain.split("\n")
    assert len(rows) <= lines.LINES_MAX
    for row in rows:
        assert row.strip()
        assert len(row) <= WIDTH_MAX, row
    assert not re.search(r"\b(nan|inf|none|null)\b(?! in range| worse)", text.plain.lower())


def report(distance: float = 5.8, **more: object) -> PoolReport:
    found = pool_report(distance, disagreement=0.04)
    ratio = VenueRatio(name="accountMMRate", value=Decimal("0.1061"))
    return replace(found, venue_ratio=ratio, **more)  # type: ignore[arg-type]


def figures(distance: float = 5.8, **more: object) -> Figures:
    """The pool of the model message in the issue."""
    one = Figures(
        account="bybit-main",
        venue="bybit",
        label="",
        report=report(distance),
        reading=reading(distance),
        age_s=2,
        joint=Joint(percent=-distance, prices=(("BTC", 106_842.0), ("SOL", 185.01))),
        alone=Alone(underlying="BTC", price=104_575.0, percent=-7.8),
        before=(7.9, 10.0),
        minutes_left=27.6,
    )
    return replace(one, **more)  # type: ignore[arg-type]


def state(tier: Tier = Tier.CRITICAL, **more: object) -> DangerState:
    one = DangerState(pool="unified", tier=tier, incident=INCIDENT, worst=tier)
    return replace(one, **more)  # type: ignore[arg-type]


ADVICE = Advice(
    measure=Measure.DISTANCE,
    target=12.0,
    add=(Decimal(14_110), "USDT"),
    closing=Closing(amount=Decimal("1.0"), of=Decimal("1.5"), unit="BTC"),
    spare=Spare(wallet="funding", amount=Decimal(5000), asset="USDT", brings=8.0, enough=False),
)


def danger(
    one: Figures | None = None,
    kind: Kind = Kind.ESCALATED,
    *,
    told: DangerState | None = None,
    was: Tier = Tier.WARNING,
    advice: Advice | None = ADVICE,
    unstable: bool = False,
) -> Text:
    return compose.danger(
        one or figures(),
        told or state(),
        kind,
        was=was,
        advice=advice,
        tolerance=TOLERANCE,
        unstable=unstable,
    )


def test_pools_are_named_in_words() -> None:
    assert wording.pool_name("isolated_margin:BTCUSDT") == "isolated margin BTCUSDT"
    assert wording.pool_name("isolated:BTCUSDT:long") == "isolated BTCUSDT long"
    assert wording.pool_name("cross:USDT") == "cross USDT"


def test_a_danger_message_reads_like_its_model() -> None:
    assert danger().plain == (
        "🔴 CRITICAL #K7F3·2 bybit-main\n"
        "5.8 % from liquidation (7.9 % ten min ago)\n"
        "All coins −5.8 %: BTC 106,842, SOL 185.01\n"
        "Only BTC falls: 104,575 (−7.8 %)\n"
        "At this speed: about 28 min\n"
        "Equity 14,760 USDT, must keep 1,566 (MM rate 10.6 %)\n"
        "Back to 12 %: add 14,110 USDT\n"
        "  or close 1.0 of 1.5 BTC\n"
        "Funding holds 5,000 USDT: brings 8.0 %\n"
        "2 s old; our model and Bybit agree to 0.1 %"
    )


def test_critical() -> None:
    check("danger_critical", danger())


def test_a_fall_of_the_last_minute_alone_is_said_as_such() -> None:
    """It was nearer ten minutes ago: "this speed" would contradict the line above it."""
    text = danger(figures(10.5, before=(9.8, 10.0), minutes_left=4.0, brief=True)).plain

    assert "10.5 % from liquidation (9.8 % ten min ago)" in text
    assert "At the last minute's speed: about 4 min" in text
    assert "At this speed" not in text


def test_watch_has_no_advice() -> None:
    one = figures(18.4, before=None, minutes_left=None)

    check("danger_watch", danger(one, Kind.RAISED, told=state(Tier.WATCH), advice=None))


def test_repeated() -> None:
    check("danger_repeated", danger(kind=Kind.REPEATED))


def test_eased() -> None:
    one = figures(10.4, minutes_left=None)
    told = state(Tier.WARNING)

    check("danger_eased", danger(one, Kind.EASED, told=told, was=Tier.CRITICAL, advice=None))


def test_emergency_past_liquidation() -> None:
    one = figures(0.0, minutes_left=None, joint=None, alone=None)

    check("danger_past_liquidation", danger(one, told=state(Tier.EMERGENCY)))


def test_one_coin_says_its_price_once() -> None:
    check("danger_one_coin", danger(figures(lone=True)))


def test_an_isolated_pool_is_named_by_its_symbol() -> None:
    one = figures(lone=True, label=wording.pool_name("isolated:BTCUSDT:long"))

    check("danger_isolated", danger(one))


def test_a_hedged_pool_says_which_coin_kills_it() -> None:
    one = figures(joint=None, alone=Alone(underlying="BTC", price=119_400.0, percent=5.8))

    check("danger_hedged", danger(one))


def test_a_borrowed_pool_says_its_level_and_bars() -> None:
    owed = pool_report(
        27.6,
        family=Family.DEBT_RATIO,
        level=129.4,
        stages={"call": 130.0, "liquidation": 110.0},
    )
    found = read(owed, RULES)
    assert found is not None
    one = figures(report=owed, reading=found, before=(141.0, 10.2))
    advice = replace(ADVICE, measure=Measure.MARGIN_LEVEL, target=150.0, spare=None)

    check("danger_margin_level", danger(one, advice=advice))


def test_a_reported_pool_says_the_venues_health() -> None:
    told = pool_report(family=Family.REPORTED, status=Status.REPORTED, health=1.45)
    found = read(told, RULES)
    assert found is not None
    one = figures(report=told, reading=found, before=None, joint=None, alone=None)

    check("danger_health", danger(one, advice=None))


def test_a_model_that_differs_is_said_in_the_last_line() -> None:
    one = figures(report=report(5.8, disagreement=4.2))

    assert danger(one).plain.endswith("2 s old; our model and Bybit differ by 4.2 %")


def test_advice_out_of_reach_is_said_as_such() -> None:
    check("danger_hopeless", danger(advice=replace(ADVICE, add=None, spare=None, hopeless="XYZ")))


def test_a_full_message_keeps_its_first_and_last_lines() -> None:
    owed = pool_report(
        27.6, family=Family.DEBT_RATIO, level=129.4, stages={"call": 130.0, "liquidation": 110.0}
    )
    found = read(owed, RULES)
    assert found is not None
    one = figures(report=owed, reading=found, label="margin")

    text = danger(one, unstable=True)

    fits(text)
    assert text.plain.startswith("🔴 CRITICAL")
    assert text.plain.endswith("agree to 0.1 %")
    assert "Back to" in text.plain


def test_held_tiers_say_that_they_are_held() -> None:
    assert "Unstable: holding CRITICAL longer" in danger(unstable=True).plain
    better = state(good_since_us=START_US, good_samples=2)
    assert "Better: CRITICAL held until it lasts" in danger(told=better).plain


def test_a_pool_with_no_position_left_has_no_ratio_and_no_health() -> None:
    """After a liquidation the venue divides by nothing; what it writes then is no figure."""
    nothing = VenueRatio(name="accountMMRate", value=Decimal(9999))
    for status in (Status.OK, Status.REPORTED):
        left = replace(
            report(),
            status=status,
            equity=0.0,
            requirement=0.0,
            health=math.inf,
            tier_distance=None,
            venue_ratio=nothing,
            positions=(),
        )
        found = read(left, RULES)
        assert found is not None
        one = replace(
            figures(),
            report=left,
            reading=found,
            joint=None,
            alone=None,
            before=None,
            minutes_left=None,
        )

        for text in (danger(one, Kind.REPEATED, advice=None), resolved(one)):
            assert "Equity 0 USDT" in text.plain
            assert not re.search("MM rate|999|no limit|in range|Health", text.plain), text.plain


def test_a_rate_the_venue_writes_for_none_is_not_shown() -> None:
    nothing = VenueRatio(name="accountMMRate", value=Decimal(9999))
    one = replace(figures(), report=replace(report(), venue_ratio=nothing))

    assert "999" not in danger(one).plain


def resolved(one: Figures) -> Text:
    return compose.resolved(
        one,
        state(Tier.CALM, worst=Tier.EMERGENCY),
        was=Tier.CRITICAL,
        now_us=START_US,
        tolerance=TOLERANCE,
    )


def test_resolved() -> None:
    check("resolved", resolved(figures(34.2, minutes_left=None, joint=None)))


def test_gone_claims_nothing() -> None:
    empty = replace(report(), positions=(), requirement=0.0, equity=312.4, venue_ratio=None)
    text = resolved(figures(report=empty))

    check("gone", text)
    for claim in ("liquidated", "closed", "safe", "recovered"):
        assert claim not in text.plain


def test_gone_with_its_pool() -> None:
    text = compose.gone(
        "bybit-main",
        "bybit",
        state(Tier.CALM),
        Kind.RESOLVED,
        was=Tier.CRITICAL,
        label="cross USDT",
        report=None,
    )

    check("gone_pool", text)


def sight(**more: object) -> Sight:
    one = Sight(
        account="bybit-main",
        venue="bybit",
        blind=BlindState(
            active=True,
            misses=9,
            alike=9,
            missed=Missed(kind=MissKind.UNREACHABLE, reason="HTTP 503"),
        ),
        since_s=42,
        last_wall_us=START_US,
        until="",
        last="5.8 %",
        estimate=figures(4.1),
        priced=("BTC",),
        zone=UTC,
    )
    return replace(one, **more)  # type: ignore[arg-type]


def blind(one: Sight, *, was: Tier = Tier.CRITICAL, never_read: bool = False) -> Text:
    incident = replace(INCIDENT, seq=5)
    return compose.blind(
        one,
        incident,
        was=was,
        tier=max(was, Tier.WARNING),
        next_wall_us=START_US + 180 * SECOND_US,
        never_read=never_read,
    )


def test_a_blind_message_reads_like_its_model() -> None:
    assert blind(sight()).plain == (
        "🔴 BLIND #K7F3·5 bybit-main (was CRITICAL)\n"
        "No answer from Bybit for 42 s (HTTP 503 ×9)\n"
        "Last true reading 14:13:20: 5.8 %\n"
        "ESTIMATE with live BTC price: 4.1 %\n"
        "Cannot see: fills, transfers, liquidation\n"
        "Next word 14:16:20, at once if worse"
    )


def test_blind() -> None:
    check("blind", blind(sight()))


def test_blind_without_a_price_has_no_estimate() -> None:
    check("blind_no_price", blind(sight(estimate=None, priced=())))


def test_blind_since_start() -> None:
    one = sight(estimate=None, priced=(), last="", last_wall_us=None, since_s=22)

    check("blind_never_read", blind(one, was=Tier.CALM, never_read=True))


@pytest.mark.parametrize("kind", list(MissKind))
def test_blind_says_what_kind_of_silence_it_is(kind: MissKind) -> None:
    told = Missed(kind=kind, reason="code 10003")
    lasts = kind in (MissKind.BANNED, MissKind.MAINTENANCE)
    until = say.UNSEEN_UNTIL.format(until="14:15:20") if lasts else ""
    one = sight(blind=BlindState(active=True, misses=9, alike=2, missed=told), until=until)

    check(f"blind_{kind.value}", blind(one))


def test_danger_by_estimate() -> None:
    text = compose.danger_unseen(sight(), figures(2.8), state(Tier.EMERGENCY))

    check("danger_estimate", text)
    assert "ESTIMATE" in text.plain.split("\n")[0]


def test_danger_not_seen_and_no_estimate() -> None:
    check("danger_not_seen", compose.danger_unseen(sight(estimate=None), None, state()))


def seeing(
    pools: list[tuple[Figures, Tier]],
    blind_s: float | None = 250,
    worst: Tier | None = None,
    *,
    doubted: bool = False,
) -> Text:
    stands = max((tier for _, tier in pools), default=Tier.CALM) if worst is None else worst
    return compose.seeing(
        "bybit-main",
        replace(INCIDENT, seq=6),
        pools,
        worst=stands,
        doubted=doubted,
        blind_s=blind_s,
        tolerance=TOLERANCE,
    )


def test_seeing_again() -> None:
    text = seeing([(figures(5.2), Tier.CRITICAL)])

    check("seeing", text)
    assert "Seeing again after 4 min 10 s: 5.2 %" in text.plain


def test_seeing_what_is_in_doubt_is_not_green() -> None:
    assert seeing([(figures(40.0), Tier.CALM)]).plain.startswith("🟢 SEEING")
    doubted = seeing([(figures(40.0), Tier.CALM)], doubted=True).plain
    assert doubted.startswith("🟡 SEEING")
    assert "(unconfirmed)" in doubted.splitlines()[0]
    worse = seeing([(figures(5.2), Tier.CRITICAL)], doubted=True).plain.splitlines()[0]
    assert "(CRITICAL, unconfirmed)" in worse


def test_seeing_several_pools() -> None:
    pools = [
        (figures(5.2, label="cross USDT"), Tier.CRITICAL),
        (figures(15.0, label="isolated ETHUSDT short"), Tier.WATCH),
        *[(figures(40.0, label=f"isolated X{n}USDT long"), Tier.CALM) for n in range(6)],
    ]

    check("seeing_pools", seeing(pools))


def test_seeing_an_empty_account_for_the_first_time() -> None:
    check("seeing_empty", seeing([], blind_s=None))


def test_seeing_nothing_where_danger_stands_is_not_called_calm() -> None:
    text = seeing([], worst=Tier.CRITICAL).plain

    assert "SEEING" in text
    assert "(CRITICAL)" in text
    assert text.endswith("Seen once, not confirmed")


def test_security() -> None:
    told = Missed(kind=MissKind.SECURITY, reason="enableWithdrawals is true")
    check("security", compose.security("bybit-main", "bybit", INCIDENT, told))
    strange = Missed(kind=MissKind.STRANGER, reason="account 5678, known is 1234")
    check("security_stranger", compose.security("bybit-main", "bybit", INCIDENT, strange))


def test_finding() -> None:
    facts = ("Our model and Bybit differ by 4.2 %", "The worse of the two counts")

    check("finding", compose.finding("bybit-main", INCIDENT, "MODEL DIFFERS", "cross USDT", facts))


def test_notes_of_the_service() -> None:
    names = ["bybit_main", "bin_margin", "okx_hedge"]
    check("started", notes.started(names, moment(), zone="UTC", pinged=True).text)
    states = [AccountState(account=name) for name in names]
    again = notes.restarted(states, moment(), zone="UTC", down_s=312, pinged=True)
    check("restarted", again.text)
    check("stopped", notes.stopped(names, moment(), zone="Europe/Berlin").text)
    check("test_message", notes.test_message(moment(), zone="UTC").text)
    trouble = notes.trouble("cannot write to disk", ["Alerts go on"], moment(), subject="store")
    check("trouble", trouble.text)


def test_stopping_is_said_aloud() -> None:
    assert not notes.stopped(["a"], moment(), zone="UTC").silent
    assert notes.started(["a"], moment(), zone="UTC", pinged=True).silent


def test_a_start_nobody_would_miss_says_so() -> None:
    now = moment()
    alone = notes.started(["a"], now, zone="UTC", pinged=False)
    known = [AccountState(account="a")]
    again = notes.restarted(known, now, zone="UTC", down_s=312, pinged=False)
    pinged = notes.restarted(known, now, zone="UTC", down_s=312, pinged=True)

    assert "NOBODY WILL NOTICE IF THIS PROGRAM DIES" in alone.text.plain
    assert "NOBODY WILL NOTICE IF THIS PROGRAM DIES" in again.text.plain
    assert "NOTICE" not in pinged.text.plain


def test_a_restart_says_which_codes_are_open_the_worst_first() -> None:
    """A ledger that was put back knows less than the screen: what it lacks is over."""
    dangers = {
        pool: DangerState(
            pool=pool,
            tier=tier,
            incident=Incident(code=code, seq=3, opened_at_us=1),
        )
        for pool, code, tier in (("a", "K7F3", Tier.WATCH), ("b", "Q2X9", Tier.EMERGENCY))
    }
    incident = Incident(code="M4P1", seq=1, opened_at_us=1)
    unseen = BlindState(active=True, tier=Tier.WARNING, incident=incident)
    states = [
        AccountState(account="one", dangers=dangers),
        AccountState(account="two", blind=unseen),
    ]

    told = notes.restarted(states, moment(), zone="UTC", down_s=99, pinged=True).text.plain

    assert "Still open: #Q2X9, #M4P1, #K7F3" in told


HOSTILE = (
    "<b>bold</b>",
    "*x*_y_`z`",
    "a\nCALM\r\nb",
    "@all",
    "https://t.me/joinchat",
    "\u202egnol",
    "\u200bzero",
    "\ud800",
    "💰" * 30,
    "x" * 4096,
    "القدس",
    "",
    " ",
    "\x00\x1b[31m",
    "币安人生USDT",
)


def clean(text: str) -> bool:
    for letter in text:
        if unicodedata.category(letter)[0] == "C" or letter in "@<>*_`\r":
            return letter == "_"
    return True


@pytest.mark.parametrize("raw", HOSTILE)
def test_hostile_names_reach_no_message(raw: str) -> None:
    every_message_with(raw)


@given(st.text(max_size=60))
def test_no_text_from_outside_forges_a_line_or_a_mark(raw: str) -> None:
    every_message_with(raw)


def every_message_with(raw: str) -> None:
    plain = len(danger().plain.split("\n"))
    one = figures(
        account=raw,
        venue=raw,
        joint=Joint(percent=-5.8, prices=((raw, 1.0),)),
        alone=Alone(underlying=raw, price=1.0, percent=-5.8),
        report=replace(report(), reference=raw, venue_ratio=VenueRatio(name=raw, value=Decimal(1))),
    )
    advice = replace(
        ADVICE,
        add=(Decimal(1), raw),
        closing=Closing(amount=Decimal(1), of=Decimal(2), unit=raw),
        spare=Spare(wallet=raw, amount=Decimal(1), asset=raw, brings=8.0, enough=True),
    )
    told = Missed(kind=MissKind.UNREADABLE, reason=raw)
    hidden = sight(
        account=raw, venue=raw, priced=(raw,), blind=BlindState(missed=told, misses=1, alike=1)
    )
    texts = [
        danger(one, advice=advice),
        danger(one, advice=replace(advice, add=None, hopeless=raw)),
        blind(hidden),
        compose.danger_unseen(hidden, one, state()),
        compose.security(raw, raw, INCIDENT, told),
        compose.gone(
            raw,
            raw,
            state(),
            Kind.REPEATED,
            was=Tier.CALM,
            label=wording.pool_name(raw),
            report=None,
        ),
        verbs.unknown_command(raw, operator=True),
    ]
    assert len(texts[0].plain.split("\n")) == plain
    for text in texts:
        assert len(text.plain.split("\n")) <= lines.LINES_MAX
        shown(text)
        assert all(clean(row) for row in text.plain.split("\n"))
        text.plain.encode("utf-8")


@given(st.text(max_size=500))
def test_cleaned_names_are_short_and_plain(raw: str) -> None:
    for cleaned, most in ((wording.name(raw), 40), (wording.words(raw), 60)):
        assert len(cleaned) <= most
        assert "\n" not in cleaned
        assert clean(cleaned)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (106_842.4, "106,842"),
        (3_412.46, "3,412.5"),
        (185.01, "185.01"),
        (1.0, "1.0000"),
        (0.081234, "0.081234"),
        (0.00001234, "0.00001234"),
    ],
)
def test_prices_have_five_figures(value: float, expected: str) -> None:
    assert wording.price(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (14_760.4, "14,760"),
        (512.34, "512.3"),
        (7.25, "7.25"),
        (1.0, "1"),
        (0.0123451, "0.01235"),
        (-312.0, "−312"),
        (0.0, "0"),
    ],
)
def test_amounts_have_no_more_digits_than_help(value: float, expected: str) -> None:
    assert wording.amount(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(5.84, "5.8 %"), (12.0, "12.0 %"), (0.853, "0.85 %"), (152.4, "152 %"), (1289.5, "1,290 %")],
)
def test_percents(value: float, expected: str) -> None:
    assert wording.percent(value) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(2.4, "2 s"), (250, "4 min 10 s"), (120, "2 min"), (7500, "2 h 5 min"), (273_600, "3 d 4 h")],
)
def test_durations(seconds: float, expected: str) -> None:
    assert wording.duration(seconds) == expected


def test_an_unknown_zone_is_utc() -> None:
    assert wording.minute_time(START_US, wording.zone("Mars/Olympus")) == "14:13 UTC"
    assert wording.minute_time(START_US, wording.zone("Europe/Berlin")) == "16:13 CEST"


def test_symbols_of_a_live_account_pass_unchanged() -> None:
    for symbol in ("BTCUSDT", "BTC-USDT-SWAP", "BTC/USDT:USDT", "1000PEPEUSDT", "币安人生USDT"):
        assert wording.name(symbol) == symbol
    assert unified().positions[0].side is Side.LONG
