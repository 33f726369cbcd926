"""
Binance COIN-M beside the rest of an account: whether it is used, and one reading of it.

Rule: fetching only; the bodies are read by `coin`. An account without a coin or a position there
is looked at again every ten minutes and costs nothing in between.
"""

from __future__ import annotations

from collections.abc import Mapping

from watcher.domain.account import Bracket
from watcher.ports import VenueError
from watcher.venues.binance import coin, setup
from watcher.venues.binance.dialect import MINUTE_MS
from watcher.venues.binance.draft import Poll
from watcher.venues.binance.futures import Torn, check_marks
from watcher.venues.binance.setup import Marks
from watcher.venues.binance.spot import HOUR_MS, MARKS_AGE_MS_MAX, public_marks
from watcher.venues.ccxt_venue import Client, Host, Part, together
from watcher.venues.kept import Kept

CONTRACTS_AGE_MS_MAX = 6 * HOUR_MS
QUOTE = "USD"


def coin_of(symbol: str) -> str | None:
    """Return the coin of a COIN-M symbol (`BTCUSD_PERP`), None for any other name."""
    pair, dash, _ = symbol.partition("_")
    return pair.removesuffix(QUOTE) or None if dash and pair.endswith(QUOTE) else None


async def public_coin_marks(host: Host, age_ms_max: float = MARKS_AGE_MS_MAX) -> tuple[Part, Marks]:
    """Return the COIN-M marks, fetched and checked once for all accounts here."""

    async def fetch() -> Part:
        part = await host.public.call(
            "dapiPublicGetPremiumIndex", name="coin premiumIndex", weight=10, budget="dapi"
        )
        return Part(part.name, setup.read_mark_table(part.data), part.received_at_us)

    part = await host.cached("coin premiumIndex", fetch, age_ms_max=age_ms_max)
    assert isinstance(part.data, setup.MarkTable)
    return part, Marks.of(part.data, host.venue_ms())


class CoinSide:
    """The COIN-M half of one account's futures."""

    def __init__(self, account: str, client: Client) -> None:
        self.is_used = False
        self._account = account
        self._client = client
        self._host = client.host
        self._tables = Kept(client.host.now_ms)
        self._is_known = False
        self._held: frozenset[str] = frozenset()
        self._told: list[str] = []

    async def look(self) -> None:
        """
        Find out whether there is anything here. What was found before serves while that fails.

        Raises: `VenueError` where it was never known.
        """
        try:
            part = await self._ask_account()
            account = coin.read_account(part.data)
            coin.check_purses(account, self._held)
        except VenueError as error:
            if not self._is_known:
                raise
            self._host.log.debug("coin.missed", account=self._account, reason=error.reason)
            return
        self.is_used, self._is_known = account.is_used, True

    async def refresh(self) -> None:
        """Read tables again as they fall due; until then the old ones serve."""
        await self._tables.refresh()

    async def read(self, poll: Poll) -> None:
        """Add the pools in coin; account and positions once more if the first are torn."""
        try:
            account, risks, marks = await self._once(poll, MARKS_AGE_MS_MAX)
        except Torn as torn:
            self._host.log.debug("answers.torn", account=self._account, reason=torn.reason)
            account, risks, marks = await self._once(poll, 0)
        tables = await self._described(account, risks)
        _, prices = await public_marks(self._host)
        index = {
            purse.asset: prices.index(purse.asset)
            for purse in account.purses.values()
            if purse.wallet or purse.maintenance
        }
        coin.add_coins(poll.draft, account, risks, tables, marks, index)

    async def _once(
        self, poll: Poll, age_ms_max: float
    ) -> tuple[coin.CoinAccount, tuple[coin.Risk, ...], Marks]:
        account_part, risk_part, (marks_part, marks) = await together(
            self._ask_account(),
            self._client.call(
                "dapiPrivateGetPositionRisk", name="coin positionRisk", budget="dapi"
            ),
            public_coin_marks(self._host, age_ms_max),
        )
        account, risks = coin.read_account(account_part.data), coin.read_risks(risk_part.data)
        coin.check_purses(account, self._held)
        coin.check_agreement(account, risks)
        check_marks(risks, marks)
        self._held = frozenset(one.asset for one in account.purses.values() if one.wallet)
        poll.add(account_part, risk_part, marks_part)
        poll.priced(marks, {risk.symbol for risk in risks})
        return account, risks, marks

    async def _ask_account(self) -> Part:
        return await self._client.call(
            "dapiPrivateGetAccount", name="coin account", weight=5, budget="dapi"
        )

    async def _described(
        self, account: coin.CoinAccount, risks: tuple[coin.Risk, ...]
    ) -> coin.CoinTables:
        """Return sizes and brackets, asked for again when they do not explain what is held."""
        if not risks:
            return coin.CoinTables(contracts={}, brackets={})
        tables = await self._read_tables()
        if coin.doubtful(account, risks, tables) and await self._tables.renew(
            "contracts", "brackets", age_ms_min=MINUTE_MS
        ):
            tables = await self._read_tables()
        symbols = coin.doubtful(account, risks, tables)
        # the venue's figure rules where it is worse (margin.opinion); here it is only told
        if symbols and symbols != self._told:
            self._host.log.warning("brackets.disputed", account=self._account, symbols=symbols)
        self._told = symbols
        return tables

    async def _read_tables(self) -> coin.CoinTables:
        contracts, brackets = await together(
            self._tables.of("contracts", self._read_contracts, age_ms_max=CONTRACTS_AGE_MS_MAX),
            self._tables.of("brackets", self._read_brackets, age_ms_max=HOUR_MS),
        )
        return coin.CoinTables(contracts=contracts, brackets=brackets)

    async def _read_contracts(self) -> Mapping[str, coin.Contract]:
        part = await self._host.public.call(
            "dapiPublicGetExchangeInfo", name="coin exchangeInfo", budget="dapi"
        )
        return coin.read_contracts(part.data)

    async def _read_brackets(self) -> Mapping[str, tuple[Bracket, ...]]:
        part = await self._client.call(
            "dapiPrivateV2GetLeverageBracket",
            name="coin leverageBracket",
            weight=2,
            budget="dapi",
        )
        return coin.read_brackets(part.data)
