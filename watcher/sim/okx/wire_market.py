"""
OKX's public answers: time, instruments, marks, indices, position tiers, discount ladders.

Rule: shapes of the v5 documentation (2026-11), facts of tables, prices of the world. Fields
the practice world has no truth for hold harmless constants.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from watcher.sim.okx.figures import discounted, family_of, kind_of
from watcher.sim.okx.tables import BORROW, DISCOUNT, EXPIRY_MS, DiscountSlice
from watcher.sim.okx.wire_shapes import Refusal, amount, needed
from watcher.sim.things import Instrument
from watcher.sim.wire import short
from watcher.sim.world import World

FAMILIES_MAX = 5
SPOT_QUOTES = ("USDT", "USDC")


def contracts_of(world: World, kind: str) -> list[Instrument]:
    """Return the venue's contracts of one instType that have a price, as they were entered."""
    return [
        one
        for one in world.instruments.values()
        if one.venue == "okx" and kind_of(one) == kind and one.underlying in world.prices
    ]


def spot_pairs(world: World) -> list[tuple[str, str]]:
    """Return (coin, quote) of the spot and margin pairs: priced coins of the discount tables."""
    coins = [coin for coin in DISCOUNT if coin in world.prices]
    return [(coin, quote) for coin in coins for quote in SPOT_QUOTES]


def server_time(world: World, query: Mapping[str, str]) -> list[object]:
    del query
    return [{"ts": str(world.now_us // 1000)}]


def instruments(world: World, query: Mapping[str, str]) -> list[object]:
    """List contracts, spot or margin pairs; there are no options here."""
    kind = needed(query, "instType")
    if kind in {"SPOT", "MARGIN"}:
        rows = [_pair_row(kind, coin, quote) for coin, quote in spot_pairs(world)]
    elif kind == "OPTION":
        if not (query.get("uly") or query.get("instFamily")):
            raise Refusal(50015, "Either parameter uly or instFamily is required")
        rows = []
    elif kind in {"SWAP", "FUTURES"}:
        rows = [_contract_row(one) for one in contracts_of(world, kind)]
    else:
        raise Refusal(51000, "Parameter instType error")
    return [row for row in rows if _asked_for(row, query)]


def _asked_for(row: Mapping[str, object], query: Mapping[str, str]) -> bool:
    wanted = ((name, query.get(name)) for name in ("instId", "instFamily", "uly"))
    return all(row[name] == value for name, value in wanted if value)


def _frame(kind: str, name: str) -> dict[str, object]:
    return {
        "instType": kind,
        "instId": name,
        "alias": "",
        "auctionEndTime": "",
        "category": "1",
        "contTdSwTime": "1704876947000",
        "futureSettlement": False,
        "groupId": "1",
        "instIdCode": sum(name.encode()),
        "listTime": "1606468572000",
        "maxIcebergSz": "100000000",
        "maxLmtAmt": "20000000",
        "maxLmtSz": "100000000",
        "maxMktAmt": "1000000",
        "maxMktSz": "12000",
        "maxPlatOILmt": "1000000000",
        "maxStopSz": "12000",
        "maxTriggerSz": "100000000",
        "maxTwapSz": "100000000",
        "openType": "call_auction",
        "optType": "",
        "posLmtAmt": "2500000",
        "posLmtPct": "30",
        "preMktSwTime": "",
        "ruleType": "normal",
        "state": "live",
        "stk": "",
        "tradeQuoteCcyList": [],
        "upcChg": [],
    }


def _contract_row(one: Instrument) -> dict[str, object]:
    kind = kind_of(one)
    step = short(one.quantity_step)
    return {
        **_frame(kind, one.symbol),
        "baseCcy": "",
        "quoteCcy": "",
        "settleCcy": one.settle,
        "uly": family_of(one),
        "instFamily": family_of(one),
        "ctMult": "1",
        "ctType": "inverse" if one.inverse else "linear",
        "ctVal": short(one.contract_size),
        "ctValCcy": "USD" if one.inverse else one.underlying,
        "expTime": str(EXPIRY_MS) if kind == "FUTURES" else "",
        "lever": short(one.brackets[0].leverage_max),
        "lotSz": step,
        "minSz": step,
        "tickSz": short(one.price_tick),
    }


def _pair_row(kind: str, coin: str, quote: str) -> dict[str, object]:
    return {
        **_frame(kind, f"{coin}-{quote}"),
        "baseCcy": coin,
        "quoteCcy": quote,
        "settleCcy": "",
        "uly": "",
        "instFamily": "",
        "ctMult": "",
        "ctType": "",
        "ctVal": "",
        "ctValCcy": "",
        "expTime": "",
        "lever": "10",
        "lotSz": "0.00000001",
        "minSz": "0.00001",
        "tickSz": "0.0001",
    }


def mark_price(world: World, query: Mapping[str, str]) -> list[object]:
    """Return the marks of one instType; MARGIN pairs are marked at their index."""
    kind = needed(query, "instType")
    if kind == "MARGIN":
        marks = {
            f"{coin}-{quote}": world.index_in(coin, quote) for coin, quote in spot_pairs(world)
        }
    else:
        family = query.get("instFamily") or query.get("uly")
        contracts = contracts_of(world, kind)
        marks = {
            one.symbol: world.mark(one)
            for one in contracts
            if not family or family_of(one) == family
        }
    stamp = str(world.now_us // 1000)
    return [
        {"instType": kind, "instId": name, "markPx": amount(mark), "ts": stamp}
        for name, mark in marks.items()
        if query.get("instId") in {None, "", name}
    ]


def index_tickers(world: World, query: Mapping[str, str]) -> list[object]:
    """Return indices by pair or by quote currency. Raises: `Refusal` 50014 without either."""
    quote, name = query.get("quoteCcy", ""), query.get("instId", "")
    if not (quote or name):
        raise Refusal(50014, "Parameter quoteCcy and instId can not both be empty")
    if name:
        coin, _, quote = name.partition("-")
        coins = [coin]
    else:
        coins = [*world.prices, *(one for one in world.stables if one not in {"USD", quote})]
    return [
        _index_row(world, coin, quote)
        for coin in coins
        if coin != quote and _has_price(world, coin) and _has_price(world, quote)
    ]


def _has_price(world: World, name: str) -> bool:
    return name in world.prices or name in world.stables


def _index_row(world: World, coin: str, quote: str) -> dict[str, str]:
    price = amount(world.index_in(coin, quote))
    return {
        "instId": f"{coin}-{quote}",
        "idxPx": price,
        "high24h": price,
        "low24h": price,
        "open24h": price,
        "sodUtc0": price,
        "sodUtc8": price,
        "ts": str(world.now_us // 1000),
    }


def tickers(world: World, query: Mapping[str, str]) -> list[object]:
    """Return last prices; they are the marks."""
    kind = needed(query, "instType")
    if kind in {"SPOT", "MARGIN"}:
        lasts = {
            f"{coin}-{quote}": world.index_in(coin, quote) for coin, quote in spot_pairs(world)
        }
    else:
        lasts = {one.symbol: world.mark(one) for one in contracts_of(world, kind)}
    stamp = str(world.now_us // 1000)
    return [_ticker_row(kind, name, last, stamp) for name, last in lasts.items()]


def _ticker_row(kind: str, name: str, last: Decimal, stamp: str) -> dict[str, str]:
    price = amount(last)
    prices = ("last", "askPx", "bidPx", "open24h", "high24h", "low24h", "sodUtc0", "sodUtc8")
    return {
        "instType": kind,
        "instId": name,
        **dict.fromkeys(prices, price),
        "lastSz": "1",
        "askSz": "1",
        "bidSz": "1",
        "volCcy24h": "20000",
        "vol24h": "2000000",
        "ts": stamp,
    }


def position_tiers(world: World, query: Mapping[str, str]) -> list[object]:
    """
    Return tiers by family (in contracts) or, for cross MARGIN, by currency (in what is borrowed).

    Raises: `Refusal` 50014 and 51000 for missing or foreign parameters.
    """
    kind, mode = needed(query, "instType"), needed(query, "tdMode")
    if mode not in {"cross", "isolated"}:
        raise Refusal(51000, "Parameter tdMode error")
    if kind == "MARGIN":
        return _borrow_tiers(needed(query, "ccy").split(","))
    asked = (query.get("instFamily") or query.get("uly") or "").split(",")
    if not asked[0] or len(asked) > FAMILIES_MAX:
        raise Refusal(50014, "Parameter instFamily can not be empty, five at most")
    found = {family_of(one): one for one in contracts_of(world, kind)}
    unknown = [name for name in asked if name not in found]
    if unknown:
        raise Refusal(51000, f"Parameter instFamily error ({unknown[0]})")
    return [row for name in asked for row in _contract_tiers(name, found[name])]


def _tier_row(number: int, floor: Decimal, cap: Decimal, step: Decimal) -> dict[str, str]:
    return {
        "tier": str(number),
        "minSz": short(floor + step if number > 1 else floor),
        "maxSz": short(cap),
        "baseMaxLoan": "",
        "quoteMaxLoan": "",
        "optMgnFactor": "0",
    }


def _contract_tiers(family: str, one: Instrument) -> list[object]:
    return [
        {
            **_tier_row(number, row.floor, row.cap, one.quantity_step),
            "instFamily": family,
            "uly": family,
            "instId": "",
            "ccy": "",
            "mmr": short(row.rate),
            "imr": short(row.initial_rate),
            "maxLever": short(row.leverage_max),
        }
        for number, row in enumerate(one.brackets, start=1)
    ]


def _borrow_tiers(currencies: Sequence[str]) -> list[object]:
    rows: list[object] = []
    for currency in currencies:
        floor = Decimal(0)
        for number, tier in enumerate(BORROW.get(currency, ()), start=1):
            rows.append(
                {
                    **_tier_row(number, floor, tier.cap, Decimal("0.00000001")),
                    "instFamily": "",
                    "uly": "",
                    "instId": "",
                    "ccy": currency,
                    "mmr": short(tier.maintenance_rate),
                    "imr": short(tier.initial_rate),
                    "maxLever": short(tier.leverage_max),
                }
            )
            floor = tier.cap
    return rows


def discount_rates(world: World, query: Mapping[str, str]) -> list[object]:
    """Return the ladders; `minDiscountRate` is the rate above the last printed tier."""
    del world
    asked = query.get("ccy")
    return [_discount_row(ccy, ladder) for ccy, ladder in DISCOUNT.items() if asked in {None, ccy}]


def _discount_row(currency: str, ladder: Sequence[DiscountSlice]) -> dict[str, object]:
    # a last slice that counts nothing is not printed: it is the minimum rate
    printed = ladder[:-1] if len(ladder) > 1 and ladder[-1].rate == 0 else ladder
    tops = [one.floor for one in ladder[1:]]
    details = [
        {
            "tier": str(number),
            "minAmt": short(one.floor),
            "maxAmt": short(tops[number - 1]) if number <= len(tops) else "",
            "discountRate": short(one.rate),
            "liqPenaltyRate": short(max(1 - one.rate, Decimal(0))),
            "disCcyEq": short(discounted(ladder, tops[number - 1])) if number <= len(tops) else "",
        }
        for number, one in enumerate(printed, start=1)
    ]
    return {
        "ccy": currency,
        "amt": "0",
        "colRes": "0",
        "collateralRestrict": False,
        "discountLv": "1",
        "minDiscountRate": "0" if len(printed) < len(ladder) else short(printed[-1].rate),
        "details": details,
    }
