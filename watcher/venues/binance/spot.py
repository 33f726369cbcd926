"""
Binance beside futures: cross margin, portfolio margin, wallets, and the public marks all share.

Rule: fetching only; the bodies are read by `binance_margin` and `binance_setup`. Bars are
refreshed hourly, collateral weights daily (one copy for all accounts), wallets once a minute.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal

from watcher.domain.account import Weight
from watcher.ports import VenueError
from watcher.venues.binance import margin, setup
from watcher.venues.binance.dialect import MINUTE_MS, UnknownSymbol
from watcher.venues.binance.draft import Poll
from watcher.venues.binance.setup import Marks
from watcher.venues.ccxt_venue import Client, Host, Part, together
from watcher.venues.kept import Kept

HOUR_MS = 60 * MINUTE_MS
MARKS_AGE_MS_MAX = 2_000
WEIGHTS_AGE_MS_MAX = 24 * HOUR_MS
WALLETS_AGE_MS_MAX = MINUTE_MS
WALLETS_S_MAX = 2.0
"""Wallets are nice to know; they do not hold up a reading."""


async def public_marks(host: Host, age_ms_max: float = MARKS_AGE_MS_MAX) -> tuple[Part, Marks]:
    """Return premiumIndex of all symbols, fetched and checked once for all accounts here."""

    async def fetch() -> Part:
        part = await host.public.call(
            "fapiPublicGetPremiumIndex", name="premiumIndex", weight=10, budget="fapi"
        )
        # read before it is kept: a body that cannot be read must not be served to others
        return Part(part.name, setup.read_mark_table(part.data), part.received_at_us)

    part = await host.cached("premiumIndex", fetch, age_ms_max=age_ms_max)
    assert isinstance(part.data, setup.MarkTable)
    return part, Marks.of(part.data, host.venue_ms())


class SpotSide:
    """The spot half of one account: what it owns and owes there."""

    def __init__(self, account: str, client: Client) -> None:
        self.pro = False
        self.wallets: dict[str, dict[str, Decimal]] = {}
        self._account = account
        self._client = client
        self._host = client.host
        self._tables = Kept(client.host.now_ms)
        self._wallets_at_ms: float | None = None
        self._no_index_until_ms: dict[str, float] = {}

    async def margin(self, poll: Poll) -> None:
        part, (marks_part, marks) = await together(
            self._client.call("sapiGetMarginAccount", name="margin", weight=10, budget="sapi"),
            public_marks(self._host),
        )
        account = margin.read_margin(part.data)
        self.pro = account.pro
        poll.add(part, marks_part)
        if account.is_empty:
            return
        poll.priced(marks, {f"BTC{setup.REFERENCE}"})
        if account.pro:
            margin.add_margin_pro(poll.draft, account, marks.index("BTC"))
            return
        bars, weights = await together(
            self._tables.of("bars", self._read_bars, age_ms_max=HOUR_MS),
            self._tables.of("weights", self._read_weights, age_ms_max=WEIGHTS_AGE_MS_MAX),
        )
        names = {"BTC", *(item.asset for item in account.holdings)}
        prices = {name: await self._index(name, marks) for name in sorted(names)}
        margin.add_margin(poll.draft, account, bars, weights, prices.get)

    async def _index(self, asset: str, marks: Marks) -> Decimal | None:
        """Return an asset's index from the marks, else from the margin price index of its pair."""
        known = marks.index(asset)
        symbol = f"{asset}{setup.REFERENCE}"
        now_ms = self._host.now_ms()
        if known is not None or self._no_index_until_ms.get(symbol, 0) > now_ms:
            return known

        async def fetch() -> Part:
            part = await self._client.call(
                "sapiGetMarginPriceIndex",
                {"symbol": symbol},
                name="priceIndex",
                weight=10,
                budget="sapi",
            )
            setup.read_price_index(part.data, symbol, self._host.venue_ms())
            return part

        try:
            part = await self._host.cached(
                f"priceIndex {symbol}", fetch, age_ms_max=MARKS_AGE_MS_MAX
            )
        except UnknownSymbol:
            self._no_index_until_ms[symbol] = now_ms + HOUR_MS
            return None
        return setup.read_price_index(part.data, symbol, self._host.venue_ms())

    async def _read_bars(self) -> setup.Bars:
        part = await self._client.call(
            "sapiGetMarginTradeCoeff", name="tradeCoeff", weight=10, budget="sapi"
        )
        return setup.read_bars(part.data)

    async def _read_weights(self) -> Mapping[str, tuple[Weight, ...]]:
        async def fetch() -> Part:
            part = await self._client.call(
                "sapiGetMarginCrossMarginCollateralRatio",
                name="crossMarginCollateralRatio",
                weight=100,
                budget="sapi",
            )
            return Part(part.name, setup.read_weights(part.data), part.received_at_us)

        part = await self._host.cached("weights", fetch, age_ms_max=HOUR_MS)
        assert isinstance(part.data, dict)
        return part.data

    async def refresh(self) -> None:
        """Read bars and weights again as they fall due; until then the old ones serve."""
        await self._tables.refresh()

    async def portfolio(self, poll: Poll) -> None:
        part = await self._client.call(
            "papiGetAccount", name="papi account", weight=20, budget="papi"
        )
        margin.add_portfolio(poll.draft, part.data)
        poll.add(part)

    async def read_wallets(self) -> None:
        """Read spot and funding once a minute; one that cannot be read is left out."""
        now_ms = self._host.now_ms()
        if self._wallets_at_ms is not None and now_ms - self._wallets_at_ms < WALLETS_AGE_MS_MAX:
            return
        self.wallets, self._wallets_at_ms = {}, now_ms
        await together(
            self._wallet("spot", self._spot(), margin.read_spot_wallet),
            self._wallet("funding", self._funding(), margin.read_funding_wallet),
        )

    async def _wallet(
        self,
        name: str,
        call: Awaitable[Part],
        read: Callable[[object], dict[str, Decimal]],
    ) -> None:
        try:
            async with asyncio.timeout(WALLETS_S_MAX):
                part = await call
            self.wallets[name] = read(part.data)
        except (VenueError, TimeoutError) as error:
            self._host.log.debug(
                "wallet.missed", account=self._account, wallet=name, reason=str(error) or "slow"
            )

    def _spot(self) -> Awaitable[Part]:
        return self._client.call(
            "privateGetAccount",
            {"omitZeroBalances": "true"},
            name="spot account",
            weight=20,
            budget="api",
            calm=True,
        )

    def _funding(self) -> Awaitable[Part]:
        return self._client.call(
            "sapiPostAssetGetFundingAsset", name="funding", budget="sapi", calm=True
        )
