"""Money goes by a key that is known not to withdraw; one nobody knows of is no such key."""

from __future__ import annotations

import asyncio
from typing import NoReturn, cast

import pytest

from watcher.domain.status import KeyRights
from watcher.ports import WithdrawalRight
from watcher.venues.ccxt_venue import Client
from watcher.venues.money import VenueMoney
from watcher.venues.sender import Sender


class Money(VenueMoney):
    """A money client that knows its key's rights and nothing else."""

    def __init__(self, *, withdraw: bool | None) -> None:
        super().__init__("main", cast("Client", None), cast("Sender", None))
        self._told = KeyRights(
            read=True, trade=True, transfer=True, withdraw=withdraw, ip_bound=True, uid="7"
        )

    async def _read_rights(self) -> KeyRights:
        return self._told

    def _nothing(self, *_: object) -> NoReturn:
        raise AssertionError

    step = _available = _stance = _movements = _order = _nothing
    _code = _is_success = _success = _look = _nothing


@pytest.mark.parametrize("withdraw", [True, None])
def test_a_key_that_may_withdraw_or_may_for_all_that_is_told_is_refused(
    *, withdraw: bool | None
) -> None:
    with pytest.raises(WithdrawalRight):
        asyncio.run(Money(withdraw=withdraw).rights())


def test_a_key_that_may_not_is_taken() -> None:
    assert asyncio.run(Money(withdraw=False).rights()).uid == "7"
