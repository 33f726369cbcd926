"""
Binance: USDⓈ-M futures and cross margin of one account, as a `Snapshot`.

One poll asks for the futures account and its positions, the margin account, and the public marks
(shared by all accounts, two seconds old at most), all at once. What changes rarely is read at
start and refreshed as it falls due. The bodies are read by `futures`, `margin`
and `setup`, which are pure.

Rule: all parts or nothing; only the wallets a top-up could draw on may be missing. A mode whose
rules are not built is reported with the venue's own figures, never computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from watcher.domain.account import Bracket, Snapshot
from watcher.domain.status import KeyRights, VenueStatus
from watcher.ports import Refused, Unreadable, Unsupported, VenueError, WithdrawalRight
from watcher.venues.binance import futures, multi, setup
from watcher.venues.binance.coin_side import CoinSide, coin_of, public_coin_marks
from watcher.venues.binance.dialect import DIALECT, MINUTE_MS
from watcher.venues.binance.draft import Poll
from watcher.venues.binance.spot import (
    HOUR_MS,
    MARKS_AGE_MS_MAX,
    SpotSide,
    public_marks,
    public_rates,
)
from watcher.venues.ccxt_venue import Client, together
from watcher.venues.stricter import believed

__all__ = ["DIALECT", "Binance", "open_account"]

MODE_AGE_MS_MAX = 10 * MINUTE_MS
RIGHTS_AGE_MS_MAX = 6 * HOUR_MS
TABLES_AGE_MS_MAX = HOUR_MS
TABLES_USE_MS_MAX = 6 * HOUR_MS
MODE_RETRY_MS = MINUTE_MS
"""How soon the mode is read again when an answer does not fit it."""
TABLES_RETRY_MS = MINUTE_MS
"""How soon the brackets are asked for again for a symbol or a figure they did not explain."""


def open_account(account: str, client: Client) -> Binance:
    return Binance(account, client)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """
    How the account is set up, and when that was read. `futures` is None where not opened;
    `margin_assets` are those that count in multi-assets mode.
    """

    doors: setup.Doors
    futures: setup.FuturesMode | None
    leverages: Mapping[str, Decimal]
    margin_assets: frozenset[str]
    read_at_ms: float

    @property
    def is_multi(self) -> bool:
        return self.futures is not None and self.futures.multi_assets


@dataclass(slots=True)
class Kept:
    """What was read earlier and is still good; the times are our clock's."""

    mode: Mode | None = None
    mode_is_doubtful: bool = False
    mode_doubted_ms: float = 0.0
    rights: KeyRights | None = None
    rights_at_ms: float = 0.0
    assets: set[str] = field(default_factory=set)
    brackets: dict[str, tuple[Bracket, ...]] = field(default_factory=dict)
    told: dict[str, tuple[Bracket, ...]] = field(default_factory=dict)
    brackets_at_ms: float = 0.0
    brackets_tried_ms: float = 0.0
    unlisted: set[str] = field(default_factory=set)
    disputed: list[str] = field(default_factory=list)


class Binance:
    """One Binance account through one key."""

    def __init__(self, account: str, client: Client) -> None:
        self.account = account
        self._client = client
        self._host = client.host
        self._log = client.host.log
        self._spot = SpotSide(account, client)
        self._coin = CoinSide(account, client)
        self._kept = Kept()

    # ── what rarely changes ────────────────────────────────────────────────────────────────

    async def start(self) -> VenueStatus:
        """
        Read rights first, then the mode, with the clock compared before either.

        Raises: `VenueError`; `WithdrawalRight` for a key that may withdraw.
        """
        await self._host.read_clock()
        try:
            await self._read_rights()
        except Refused as error:
            raise await self._located(error) from None
        await self._read_mode()
        return await self.status()

    async def status(self) -> VenueStatus:
        if self._kept.mode is None or self._kept.rights is None:
            return await self.start()
        mode, rights = self._kept.mode, self._kept.rights
        budget = self._host.budgets["fapi" if mode.futures else "sapi"]
        now_ms = self._host.now_ms()
        return VenueStatus(
            mode=self._words(mode),
            rights=rights,
            clock_offset_ms=self._host.offset_ms,
            weight_used=budget.used(now_ms),
            weight_limit=budget.limit.weight,
        )

    async def housekeeping(self) -> None:
        """Refresh clock offset and mode every ten minutes, rights and tables as they fall due."""
        await self._host.read_clock()
        now_ms, kept = self._host.now_ms(), self._kept
        if kept.rights is None or now_ms - kept.rights_at_ms >= RIGHTS_AGE_MS_MAX:
            await self._read_rights()
        if kept.mode is None or now_ms - kept.mode.read_at_ms >= MODE_AGE_MS_MAX:
            await self._read_mode()
        await self._spot.refresh()
        await self._coin.refresh()

    async def _located(self, error: Refused) -> Refused:
        """Return *error* with the address we come from, which the futures side alone tells."""
        try:
            await self._client.call(
                "fapiPrivateGetAccountConfig", name="accountConfig", weight=5, budget="fapi"
            )
        except Refused as told:
            return told
        except VenueError:
            pass  # it adds nothing to what is known
        return error

    async def _read_rights(self) -> None:
        part, uid = await together(
            self._client.call(
                "sapiGetAccountApiRestrictions", name="apiRestrictions", budget="sapi"
            ),
            self._spot.uid(),
        )
        rights = replace(setup.read_rights(part.data), uid=uid)
        self._kept.rights = rights
        self._kept.rights_at_ms = self._host.now_ms()
        self._refuse_withdrawal()
        if not rights.read:
            raise Refused("the key may not read this account")

    def _refuse_withdrawal(self) -> None:
        rights = self._kept.rights
        if rights is not None and rights.withdraw:
            raise WithdrawalRight("this key may withdraw; make one that can only read")

    async def _read_mode(self) -> Mode:
        part = await self._client.call("sapiGetAccountInfo", name="account/info", budget="sapi")
        doors = setup.read_doors(part.data)
        if not (doors.margin or doors.futures or doors.portfolio):
            raise Unsupported("neither futures nor margin is opened on this account")
        if not doors.portfolio and await self._spot.is_portfolio_pro():
            doors = replace(doors, portfolio_pro=True)
        mode_of_futures, leverages, margin_assets = None, {}, frozenset[str]()
        if doors.futures and not doors.is_portfolio:
            config, symbols = await together(
                self._client.call(
                    "fapiPrivateGetAccountConfig", name="accountConfig", weight=5, budget="fapi"
                ),
                self._client.call(
                    "fapiPrivateGetSymbolConfig", name="symbolConfig", weight=5, budget="fapi"
                ),
            )
            mode_of_futures = setup.read_futures_mode(config.data)
            leverages = setup.read_leverages(symbols.data)
            if mode_of_futures.multi_assets:
                balance = await self._client.call(
                    "fapiPrivateV3GetBalance", name="balance", weight=5, budget="fapi"
                )
                margin_assets = multi.read_margin_assets(balance.data)
            await self._coin.look()
        mode = Mode(
            doors=doors,
            futures=mode_of_futures,
            leverages=leverages,
            margin_assets=margin_assets,
            read_at_ms=self._host.now_ms(),
        )
        self._kept.mode = mode
        return mode

    def _words(self, mode: Mode) -> str:
        if mode.doors.is_portfolio:
            return f"portfolio margin{' Pro' if mode.doors.portfolio_pro else ''} (reported)"
        words = []
        if mode.futures is not None:
            kind = "multi-assets" if mode.futures.multi_assets else "single-asset"
            words.append(f"futures {kind}, {'hedge' if mode.futures.hedge else 'one-way'}")
            if self._coin.is_used:
                words.append("COIN-M")
        if mode.doors.margin:
            words.append("cross margin " + ("Pro" if self._spot.pro else "classic"))
        if self._spot.has_pairs:
            words.append("isolated margin")
        return "; ".join(words)

    # ── one poll ───────────────────────────────────────────────────────────────────────────

    async def snapshot(self) -> Snapshot:
        """Return all parts of the account. Reads rights and mode first where `start` could not."""
        self._refuse_withdrawal()
        if self._kept.mode is None or self._kept.rights is None:
            await self.start()
        await self._settle_mode()
        mode = self._kept.mode
        assert mode is not None
        try:
            poll = await self._gathered(mode)
        except (Unreadable, Refused):
            self._doubt(mode)  # a changed mode empties, or closes, the very answers we need
            raise
        draft = poll.draft
        if draft.mismatches:
            self._doubt(mode)
        if mode.is_multi:
            _, rates = await public_rates(self._host)
            multi.restate_in_usd(draft, rates)
        return Snapshot(
            venue="binance",
            account=self.account,
            mode=self._words(mode),
            taken_at_us=poll.taken_at_us(self._host.offset_ms),
            reference=multi.USD if mode.is_multi else setup.REFERENCE,
            rules=draft.rules,
            parts=poll.parts,
            assets=tuple(draft.assets),
            positions=tuple(draft.positions),
            venue_says=draft.says,
            wallets=dict(self._spot.spare.found),
            unmodelled=draft.unmodelled,
            mismatches=tuple(draft.mismatches),
            flags=tuple(draft.flags),
        )

    def _doubt(self, mode: Mode) -> None:
        kept, now_ms = self._kept, self._host.now_ms()
        if now_ms - max(mode.read_at_ms, kept.mode_doubted_ms) >= MODE_RETRY_MS:
            kept.mode_is_doubtful, kept.mode_doubted_ms = True, now_ms

    async def _settle_mode(self) -> None:
        """Read a doubtful mode again; what the venue does not answer leaves it as it is."""
        if not self._kept.mode_is_doubtful:
            return
        self._kept.mode_is_doubtful = False
        try:
            await self._read_mode()
        except Unsupported:
            raise
        except VenueError as error:
            self._log.debug("mode.missed", account=self.account, reason=error.reason)

    async def _gathered(self, mode: Mode) -> Poll:
        poll = Poll()
        if mode.doors.is_portfolio:
            read = self._spot.portfolio_pro if mode.doors.portfolio_pro else self._spot.portfolio
            await together(read(poll), self._spot.spare.read())
        else:
            jobs = [self._spot.spare.read()]
            if mode.futures is not None:
                jobs.append((self._multi if mode.is_multi else self._futures)(poll, mode))
                if self._coin.is_used:
                    jobs.append(self._coin.read(poll))
            if mode.doors.margin:
                jobs += [self._spot.margin(poll), self._spot.pairs(poll)]
            await together(*jobs)
        return poll

    async def _futures(self, poll: Poll, mode: Mode) -> None:
        account, legs, marks = await self._positions(poll)
        tables = futures.Tables(brackets=await self._tables(legs), leverages=mode.leverages)
        futures.add_single_asset(poll.draft, account, legs, tables, marks)

    async def _multi(self, poll: Poll, mode: Mode) -> None:
        (account, legs, marks), (part, rates) = await together(
            self._positions(poll), public_rates(self._host)
        )
        poll.add(part)
        poll.stamped(rates.told_ms)
        tables = futures.Tables(brackets=await self._tables(legs), leverages=mode.leverages)
        multi.add_multi_assets(poll.draft, account, legs, tables, marks, rates, mode.margin_assets)

    async def _positions(
        self, poll: Poll
    ) -> tuple[futures.FuturesAccount, tuple[futures.Leg, ...], setup.Marks]:
        """Read account, positions and marks of one moment; once more if the first are torn."""
        try:
            return await self._positions_once(poll, MARKS_AGE_MS_MAX)
        except futures.Torn as torn:
            self._log.debug("answers.torn", account=self.account, reason=torn.reason)
        return await self._positions_once(poll, 0)

    async def _positions_once(
        self, poll: Poll, marks_age_ms_max: float
    ) -> tuple[futures.FuturesAccount, tuple[futures.Leg, ...], setup.Marks]:
        account_part, risk_part, (marks_part, marks) = await together(
            self._client.call("fapiPrivateV3GetAccount", name="account", weight=5, budget="fapi"),
            self._client.call(
                "fapiPrivateV3GetPositionRisk", name="positionRisk", weight=5, budget="fapi"
            ),
            public_marks(self._host, marks_age_ms_max),
        )
        account = futures.read_account(account_part.data)
        legs = futures.read_legs(risk_part.data)
        futures.check_wallets(account, self._kept.assets)
        futures.check_agreement(account, legs)
        futures.check_marks(legs, marks)
        self._kept.assets = set(account.wallets)
        poll.add(account_part, risk_part, marks_part)
        poll.priced(marks, {leg.symbol for leg in legs})
        return account, legs, marks

    async def _tables(self, legs: Iterable[futures.Leg]) -> Mapping[str, tuple[Bracket, ...]]:
        """Return the brackets of the symbols held, asked for again when they fall short."""
        kept, held = self._kept, {leg.symbol for leg in legs}
        unread = held - kept.brackets.keys() - kept.unlisted
        doubtful = (held & kept.unlisted) or futures.disputed(legs, kept.brackets)
        now_ms = self._host.now_ms()
        age_ms = now_ms - kept.brackets_at_ms
        overdue = doubtful or age_ms >= TABLES_AGE_MS_MAX or kept.brackets != kept.told
        wait_ms = TABLES_RETRY_MS if overdue else TABLES_AGE_MS_MAX
        if not unread and (not held or now_ms - kept.brackets_tried_ms < wait_ms):
            return kept.brackets
        kept.brackets_tried_ms = now_ms
        try:
            await self._read_tables(held)
        except VenueError as error:
            if unread or age_ms >= TABLES_USE_MS_MAX:
                raise
            self._log.debug("brackets.missed", account=self.account, reason=error.reason)
        else:
            self._tell_disputed(futures.disputed(legs, kept.brackets))
        return kept.brackets

    async def _read_tables(self, held: set[str]) -> None:
        part = await self._client.call(
            "fapiPrivateGetLeverageBracket", name="leverageBracket", budget="fapi"
        )
        kept = self._kept
        # only what is held is kept: the whole list is six hundred tables
        told = setup.read_brackets(part.data, held)
        kept.brackets = believed(kept.brackets, kept.told, told)
        kept.told = told
        kept.unlisted = held - told.keys()
        kept.brackets_at_ms = self._host.now_ms()

    def _tell_disputed(self, symbols: list[str]) -> None:
        # the venue's figure rules where it is worse (margin.opinion); here it is only told
        if symbols and symbols != self._kept.disputed:
            self._log.warning("brackets.disputed", account=self.account, symbols=symbols)
        self._kept.disputed = symbols

    # ── the rest of the port ───────────────────────────────────────────────────────────────

    async def prices(self, symbols: Sequence[str]) -> Mapping[str, float]:
        """Return public marks by underlying, without the account's key."""
        _, marks = await public_marks(self._host)
        found: dict[str, float] = {}
        for symbol in symbols:
            underlying, mark = setup.underlying_of(symbol), marks.mark(symbol)
            if underlying is not None and mark is not None:
                found.setdefault(underlying, float(mark))
        coins = {symbol: coin for symbol in symbols if (coin := coin_of(symbol)) is not None}
        if coins:
            _, marks = await public_coin_marks(self._host)
        for symbol, coin in coins.items():
            mark = marks.mark(symbol)
            if mark is not None:
                found.setdefault(coin, float(mark))
        return found

    async def close(self) -> None:
        await self._client.close()
