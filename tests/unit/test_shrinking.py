"""A liquidation in steps: the first is told at once, the rest once a minute, nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.unit.policy_books import RULES, missed, moment, seen, single, unified
from tests.unit.test_messages import check
from watcher.domain.account import Snapshot
from watcher.domain.alert import AccountState, Lane, Message, Seen, Tier
from watcher.domain.road import Reach
from watcher.policy import decide
from watcher.policy.orders import AckOrder, obey
from watcher.store import codec

STEP_S = 5.0


class Account:
    """One account, looked at every five seconds."""

    def __init__(self) -> None:
        self.rules = replace(RULES, reach=Reach.FALLBACK)
        self.state = AccountState(account="bybit_main")
        self.seconds = 0.0

    def see(self, quantity: str) -> list[Message]:
        return self.look(seen(single(5, seconds=self.seconds, quantity=quantity)))

    def look(self, what: Seen) -> list[Message]:
        last = decide(self.state, what, self.rules, moment(self.seconds))
        self.state = last.state
        self.seconds += STEP_S
        return list(last.messages)

    def restart(self) -> None:
        kept = codec.state_of(codec.state_text(codec.durable(self.state)), self.state.account)
        self.state = replace(self.state, findings=kept.findings)


def empty(seconds: float) -> Snapshot:
    return replace(single(5, seconds=seconds), positions=())


def losses(said: list[Message], word: str = "POSITION") -> list[list[str]]:
    """Return what of *said* is of losses, line by line, without the code."""
    found = [message.text.plain.splitlines() for message in said if word in message.text.plain]
    return [[rows[0].split(" #")[0], *rows[1:]] for rows in found]


def test_the_first_step_is_told_at_once_and_the_others_once_a_minute() -> None:
    account = Account()
    account.see("100")
    told = [account.see(str(100 - step)) for step in range(1, 31)]

    check("position_smaller_steps", told[12][-1].text)
    first, second, third = (losses(said) for said in (told[0], told[12], told[24]))
    assert first[0][:2] == ["🔴 POSITION SMALLER", "Was BTCUSDT long 100, now 99"]
    assert second[0][1:3] == [
        "Was BTCUSDT long 99, now 87",
        "In 12 steps since the last word of it",
    ]
    assert third[0][1:3] == ["Was BTCUSDT long 87, now 75", "In 12 steps since the last word of it"]
    assert sum(len(losses(said)) for said in told) == 3
    keys = [message.key for said in told for message in said]
    assert len(set(keys)) == len(keys)


def test_what_is_gathered_is_told_when_no_further_step_comes() -> None:
    account = Account()
    account.see("100")
    for quantity in ("99", "98", "97"):
        account.see(quantity)

    quiet = [account.see("97") for _ in range(9)]
    (late,) = losses(account.see("97"))

    assert not [rows for said in quiet for rows in losses(said)]
    assert late[1:3] == ["Was BTCUSDT long 99, now 97", "In 2 steps since the last word of it"]
    assert not [rows for _ in range(30) for rows in losses(account.see("97"))]
    assert account.state.findings == {}, "then it is forgotten like any other"


def test_steps_with_calm_readings_between_them_are_gathered_too() -> None:
    account = Account()
    account.see("100")
    told = [account.see(str(100 - look // 5)) for look in range(5, 61)]

    assert len([rows for said in told for rows in losses(said)]) == 5  # of 12 steps, in 280 s


def test_what_is_gone_is_told_at_once_with_what_was_gathered() -> None:
    account = Account()
    account.see("100")
    account.see("99")
    assert losses(account.see("98")) == []

    (rows,) = losses(account.look(seen(empty(account.seconds))))

    assert rows[:3] == [
        "🔴 POSITION GONE",
        "Was BTCUSDT long 99, now gone",
        "In 2 steps since the last word of it",
    ]
    assert not [r for _ in range(30) for r in losses(account.look(seen(empty(account.seconds))))]


def test_danger_is_told_in_the_same_breath_while_steps_are_gathered() -> None:
    account = Account()
    account.see("100")
    account.see("99")

    less = single(5, seconds=account.seconds, quantity="98")
    fallen = (replace(less.positions[0], mark=Decimal(970)),)
    said = account.look(seen(replace(less, positions=fallen)))

    assert [(m.tier, m.lane) for m in said] == [(Tier.EMERGENCY, Lane.DANGER)]
    assert losses(said) == []


def test_a_step_first_called_a_liquidation_does_not_wait() -> None:
    account = Account()
    account.see("100")
    account.see("99")
    less = single(5, seconds=account.seconds, quantity="98")
    (cash,), (held,) = less.assets, less.positions
    poorer = (replace(cash, wallet=cash.wallet - held.quantity * 20),)

    (rows,) = losses(account.look(seen(replace(less, assets=poorer))))

    assert rows[1] == "Was BTCUSDT long 99, now 98"
    assert any("most likely LIQUIDATED" in line for line in rows)
    assert account.state.findings["shrunk:cross:USDT"].unanswered_since_us is not None
    assert losses(account.see("97")) == [], "said once, the next step waits"


def test_what_is_gathered_outlives_a_restart_and_is_told_while_nothing_is_seen() -> None:
    account = Account()
    account.see("100")
    account.see("99")
    account.see("98")
    account.restart()

    told = [account.look(missed()) for _ in range(12)]

    (rows,) = [rows for said in told for rows in losses(said)]
    assert rows[1] == "Was BTCUSDT long 99, now 98"
    assert losses(told[10]), "a minute after the first"


def test_a_further_step_is_told_aloud_though_the_first_was_seen() -> None:
    account = Account()
    account.see("100")
    (first,) = [m for m in account.see("99") if "POSITION" in m.text.plain]
    order = AckOrder(incident=first.incident, user_id=7)
    account.state, _ = obey(account.state, order, moment(account.seconds))

    account.see("98")
    late = [m for _ in range(12) for m in account.see("98") if "POSITION" in m.text.plain]

    assert [m.silent for m in late] == [False]


def with_coins(account: Account, btc: str, usdt: str) -> Seen:
    """A unified account in danger that holds so much of both."""
    book = unified(usdt=0, seconds=account.seconds)
    (cash,) = book.assets
    coins = (
        replace(cash, wallet=Decimal(usdt)),
        replace(cash, asset="BTC", wallet=Decimal(btc), index=Decimal(100_000)),
    )
    return seen(replace(book, assets=coins))


def test_collateral_sold_for_another_coin_is_told_in_danger() -> None:
    """A venue covers a loss with other coins before it touches a position."""
    account = Account()
    account.look(with_coins(account, "0.1", "1000"))
    assert account.state.dangers["unified"].tier > Tier.CALM

    (rows,) = losses(account.look(with_coins(account, "0.02", "9000")), "COLLATERAL")

    assert rows[:2] == ["🔴 COLLATERAL SOLD", "Held 0.1 BTC, now 0.02"]
    assert "Sold by you, or by Bybit to cover a loss?" in rows
    (rows,) = losses(account.look(seen_without_positions(account)), "POSITION")
    assert rows[0] == "🔴 POSITION GONE", "what is worst names the whole"


def seen_without_positions(account: Account) -> Seen:
    found = with_coins(account, "0", "11000").snapshot
    assert found is not None
    return seen(replace(found, positions=()))


@pytest.mark.parametrize(
    ("btc", "usdt"),
    [
        ("0.02", "1000"),  # moved away
        ("0.0995", "1050"),  # a fee, or the rounding of one
        ("0.1", "500"),  # a loss that was realised
        ("0.12", "1000"),
    ],
)
def test_what_was_not_sold_is_no_sale(btc: str, usdt: str) -> None:
    account = Account()
    account.look(with_coins(account, "0.1", "1000"))

    assert losses(account.look(with_coins(account, btc, usdt)), "COLLATERAL") == []
