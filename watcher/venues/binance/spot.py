"""
Binance beside futures: cross margin, portfolio margin, wallets, and the public marks all share.

Rule: fetching only; the bodies are read by `margin` and `setup`. Bars are
refreshed hourly, collateral weights daily (one copy for all accounts), wallets once a minute.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from decimal import Decimal
from functools import partial

from watcher.domain.account import Bracket, Weight
from watcher.ports import Refused, Unreadable, VenueError
from watcher.venues.binance import isolated, margin, multi, portfolio, setup
from watcher.venues.binance.dialect import MINUTE_MS, UnknownSymbol
from watcher.venues.binance.draft import Poll
from watcher.venues.binance.setup import Marks
from watcher.venues.ccxt_venue import Client, Host, Part, together
from watcher.venues.kept import Kept
from watcher.venues.spare import SpareWallets

HOUR_MS = 60 * MINUTE_MS
MARKS_AGE_MS_MAX = 2_000
WEIGHTS_AGE_MS_MAX = 24 * HOUR_MS
PAIRS_AGE_MS_MAX = 10 * MINUTE_MS


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


async def public_rates(host: Host) -> tuple[Part, multi.Rates]:
    """Return assetIndex, what each margin asset counts for in multi-assets mode, shared as well."""

    async def fetch() -> Part:
        part = await host.public.call(
            "fapiPublicGetAssetIndex", name="assetIndex", weight=10, budget="fapi"
        )
        return Part(part.name, multi.read_rate_table(part.data), part.received_at_us)

    part = await host.cached("assetIndex", fetch, age_ms_max=MARKS_AGE_MS_MAX)
    assert isinstance(part.data, multi.RateTable)
    return part, part.data.at(host.venue_ms())


class SpotSide:
    """The spot half of one account: what it owns and owes there."""

    def __init__(self, account: str, client: Client) -> None:
        self.pro = False
        self.has_pairs = False
        self._pairs_next_ms = 0.0
        self._is_pro_account = False
        self._account = account
        self._client = client
        self._host = client.host
        self.spare = SpareWallets(
            client.host,
            account,
            {
                "spot": (self._spot, margin.read_spot_wallet),
                "funding": (self._funding, margin.read_funding_wallet),
            },
        )
        self._tables = Kept(client.host.now_ms)
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
        names = {"BTC", *(item.asset for item in account.holdings)}
        prices = {name: await self._index(name, marks) for name in sorted(names)}
        weights = await self._tables.of(
            "weights", self._read_weights, age_ms_max=WEIGHTS_AGE_MS_MAX
        )
        if account.pro:
            debts = await self._tables.of("debts", self._read_debt_tables, age_ms_max=HOUR_MS)
            margin.add_margin_pro(poll.draft, account, debts, weights, prices.get)
        else:
            bars = await self._tables.of("bars", self._read_bars, age_ms_max=HOUR_MS)
            margin.add_margin(poll.draft, account, bars, weights, prices.get)
        if any(one.pool == margin.POOL for one in poll.draft.mismatches):
            # the next reading has what the venue lists now
            await self._tables.renew("weights", "debts", age_ms_min=HOUR_MS)

    async def pairs(self, poll: Poll) -> None:
        """Add the isolated pairs; while there are none, they are looked for every ten minutes."""
        now_ms = self._host.now_ms()
        if not self.has_pairs and now_ms < self._pairs_next_ms:
            return
        found = await self._read_pairs(poll, MARKS_AGE_MS_MAX)
        if any(stale for _, stale in found):
            found = await self._read_pairs(poll, 0)
        self.has_pairs, self._pairs_next_ms = bool(found), now_ms + PAIRS_AGE_MS_MAX
        for (pair, quote), stale in found:
            if stale:
                raise Unreadable(f"binance isolated/account: indexPrice of {pair.symbol} is stale")
            tiers = await self._tables.of(
                f"tiers {pair.symbol}",
                partial(self._read_tiers, pair.symbol),
                age_ms_max=WEIGHTS_AGE_MS_MAX,
            )
            isolated.add_pair(poll.draft, pair, tiers, quote)

    async def _read_pairs(
        self, poll: Poll, marks_age_ms_max: float
    ) -> list[tuple[tuple[isolated.Pair, Decimal | None], bool]]:
        """Return the pairs in use, the price of each one's quote, and whether its own is stale."""
        part, (marks_part, marks) = await together(
            self._client.call(
                "sapiGetMarginIsolatedAccount", name="isolated margin", weight=10, budget="sapi"
            ),
            public_marks(self._host, marks_age_ms_max),
        )
        found = isolated.read_pairs(part.data)
        if found:
            poll.add(part, marks_part)
        return [
            (
                (pair, await self._index(pair.quote.asset, marks)),
                isolated.is_stale(pair, marks.index),
            )
            for pair in found
        ]

    async def _read_tiers(self, symbol: str) -> tuple[isolated.Tier, ...]:
        part = await self._client.call(
            "sapiGetMarginIsolatedMarginTier",
            {"symbol": symbol},
            name="isolatedMarginTier",
            budget="sapi",
        )
        return isolated.read_tiers(part.data, symbol)

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

    async def _read_debt_tables(self) -> Mapping[str, tuple[Bracket, ...]]:
        part = await self._client.call(
            "sapiGetMarginLeverageBracket", name="margin leverageBracket", budget="sapi"
        )
        return setup.read_debt_tables(part.data)

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
        """Add a portfolio margin account and its positions."""
        account, linear, inverse, (marks_part, marks) = await together(
            self._client.call("papiGetAccount", name="papi account", weight=20, budget="papi"),
            self._client.call(
                "papiGetUmPositionRisk", name="um positionRisk", weight=5, budget="papi"
            ),
            self._client.call("papiGetCmPositionRisk", name="cm positionRisk", budget="papi"),
            public_marks(self._host),
        )
        held = (
            *portfolio.read_linear(linear.data),
            *portfolio.read_inverse(inverse.data),
        )
        portfolio.check_marks(held, marks)
        told = portfolio.read_portfolio(account.data)
        portfolio.add_portfolio(poll.draft, told, held, marks)
        poll.add(account, linear, inverse, marks_part)
        poll.priced(marks, {one.symbol for one in held})

    async def is_portfolio_pro(self) -> bool:
        """
        Ask whether the account is one of Portfolio Margin Pro; all others get an error body.

        One that was stays so until the venue says otherwise in an answer that can be read.
        """
        try:
            part = await self._portfolio_pro()
        except (Unreadable, Refused):
            if self._is_pro_account:
                raise
            return False  # a key that is refused altogether is told by every other call
        self._is_pro_account = portfolio.is_pro(part.data)
        return self._is_pro_account

    async def portfolio_pro(self, poll: Poll) -> None:
        """Add a Portfolio Margin Pro account; its positions are not listed."""
        part, (marks_part, marks) = await together(self._portfolio_pro(), public_marks(self._host))
        portfolio.add_portfolio(poll.draft, portfolio.read_portfolio(part.data), (), marks)
        poll.add(part, marks_part)

    def _portfolio_pro(self) -> Awaitable[Part]:
        return self._client.call("sapiGetPortfolioAccount", name="portfolio account", budget="sapi")

    def _spot(self) -> Awaitable[Part]:
        return self._client.call(
            "privateGetAccount",
            {"omitZeroBalances": "true"},
            name="spot account",
            weight=20,
            budget="api",
            calm=True,
        )

    async def uid(self) -> str | None:
        """Return the venue's number of this account, None where it does not tell."""
        try:
            return setup.read_uid((await self._spot()).data)
        except VenueError as error:
            self._host.log.debug("uid.missed", account=self._account, reason=error.reason)
            return None

    def _funding(self) -> Awaitable[Part]:
        return self._client.call(
            "sapiPostAssetGetFundingAsset", name="funding", budget="sapi", calm=True
        )
