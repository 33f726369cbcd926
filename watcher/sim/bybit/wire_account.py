"""
Bybit's private answers about the account: mode, rights, wallet, collateral, borrowing, fees.

Rule: shapes of the v5 documentation and of live payloads (2026-03 to 2026-07), figures of
figures. In isolated mode the account-wide fields are "".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from watcher.sim.bybit.figures import CoinFigures, Figures, figures, is_isolated
from watcher.sim.bybit.tables import BORROW, COLLATERAL
from watcher.sim.bybit.wire_market import instruments_of
from watcher.sim.bybit.wire_shapes import Refusal, amount, category, rate
from watcher.sim.things import ZERO, Account
from watcher.sim.wire import short
from watcher.sim.world import World


def margin_mode(account: Account) -> str:
    if account.flag("portfolio"):
        return "PORTFOLIO_MARGIN"
    return "ISOLATED_MARGIN" if is_isolated(account) else "REGULAR_MARGIN"


def account_info(world: World, account: Account, query: Mapping[str, str]) -> object:
    """Return the margin mode; a `classic` or `uta1` flag gives the statuses of older accounts."""
    del query
    status = 1 if account.flag("classic") else 3 if account.flag("uta1") else 5
    return {
        "marginMode": margin_mode(account),
        "updatedTime": str(world.start_us // 1000),
        "unifiedMarginStatus": status,
        "dcpStatus": "OFF",
        "timeWindow": 0,
        "smpGroup": 0,
        "isMasterTrader": False,
        "spotHedgingStatus": "OFF",
    }


def query_api(world: World, account: Account, query: Mapping[str, str]) -> object:
    """Return what the key may do."""
    del query
    rights = account.rights
    may = {
        "AccountTransfer": rights.transfer,
        "SubMemberTransferList": rights.read,
        "Withdraw": rights.withdraw,
    }
    trading = ["Order", "Position"] if rights.trade else []
    days, until = _expiry(world, rights.expires_at_us)
    return {
        "id": "13770661",
        "note": "watcher",
        "apiKey": account.key,
        "readOnly": 0 if rights.trade or rights.transfer or rights.withdraw else 1,
        "secret": "",
        "permissions": {
            "ContractTrade": trading,
            "Spot": ["SpotTrade"] if rights.trade else [],
            "Wallet": [name for name, allowed in may.items() if allowed],
            "Options": ["OptionsTrade"] if rights.trade else [],
            "Derivatives": ["DerivativesTrade"] if rights.trade else [],
            "CopyTrading": [],
            "BlockTrade": [],
            "Exchange": [],
            "NFT": [],
            "Affiliate": [],
        },
        "ips": ["127.0.0.1"] if rights.ip_bound else ["*"],
        "type": 1,
        "deadlineDay": days,
        "expiredAt": until,
        "createdAt": "2026-01-02T08:00:00Z",
        "unified": 0,
        "uta": 0 if account.flag("classic") else 1,
        "userID": account.uid,
        "inviterID": 0,
        "vipLevel": "No VIP",
        "mktMakerLevel": "0",
        "affiliateID": 0,
        "rsaPublicKey": "",
        "isMaster": True,
        "parentUid": "0",
        "kycLevel": "LEVEL_1",
        "kycRegion": "",
    }


def _expiry(world: World, expires_at_us: int | None) -> tuple[int, str]:
    if expires_at_us is None:
        return 0, "1970-01-01T00:00:00Z"
    moment = datetime.fromtimestamp(expires_at_us / 1e6, tz=UTC)
    days = max(0, (expires_at_us - world.now_us) // (86_400 * 1_000_000))
    return days, moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def wallet_balance(world: World, account: Account, query: Mapping[str, str]) -> object:
    """Return the unified wallet; other account types are errors for a unified account."""
    if query.get("accountType") != "UNIFIED":
        raise Refusal(10001, "accountType only support UNIFIED.")
    now = figures(world, account)
    asked = query.get("coin")
    wanted = asked.split(",") if asked else None
    coins = [
        _coin_row(account, one)
        for one in now.coins.values()
        if (one.coin in wanted if wanted else _held(one))
    ]
    return {"list": [{**_totals(account, now), "accountType": "UNIFIED", "coin": coins}]}


def _held(one: CoinFigures) -> bool:
    return bool(one.wallet or one.spot_borrow or one.equity or one.position_mm or one.order_im)


def _totals(account: Account, now: Figures) -> dict[str, str]:
    own = not is_isolated(account)
    margins = {
        "accountIMRate": rate(now.initial_rate),
        "accountMMRate": rate(now.maintenance_rate),
        "totalInitialMargin": amount(now.initial_margin),
        "totalMaintenanceMargin": amount(now.maintenance_margin),
    }
    margins |= {f"{name}ByMp": value for name, value in margins.items()}
    margins |= {
        "totalMarginBalance": amount(now.margin_balance),
        "totalAvailableBalance": amount(max(now.available, ZERO)),
    }
    return {
        "totalEquity": amount(now.total_equity),
        "totalWalletBalance": amount(now.margin_balance - now.perp_upl),
        "totalPerpUPL": amount(now.perp_upl),
        "accountLTV": "",
        **(margins if own else dict.fromkeys(margins, "")),
    }


def _coin_row(account: Account, one: CoinFigures) -> dict[str, object]:
    detailed = not (account.flag("portfolio") or is_isolated(account))
    tiers = BORROW.get(one.coin)
    return {
        "coin": one.coin,
        "equity": amount(one.equity + one.option_value),
        "usdValue": amount((one.equity + one.option_value) * one.index),
        "walletBalance": amount(one.wallet),
        # what a spot order has locked is drawn: any amount says that there is one
        "locked": amount(account.haircut_loss) if one.coin == "USDT" else "0",
        "spotHedgingQty": "0",
        "spotBorrow": amount(one.spot_borrow),
        "borrowAmount": amount(one.borrowed),
        "accruedInterest": amount(one.interest),
        "availableToBorrow": "",
        "availableToWithdraw": "",
        "totalOrderIM": amount(one.order_im) if detailed else "",
        "totalPositionIM": amount(one.position_im) if detailed else "",
        "totalPositionMM": amount(one.position_mm) if detailed else "",
        "unrealisedPnl": amount(one.unrealised),
        "cumRealisedPnl": amount(_realised(account, one.coin)),
        "bonus": "0",
        "collateralSwitch": one.switch,
        "marginCollateral": one.coin in COLLATERAL,
        "colRes": "0",
        "borrowLimit": short(tiers[-1].limit) if tiers else "",
    }


def _realised(account: Account, coin: str) -> Decimal:
    # the world keeps it by symbol; legs that are closed have left, so only open ones are told
    settled = {leg.symbol for leg in account.positions.values() if leg.instrument.settle == coin}
    return sum((account.realised.get(symbol, ZERO) for symbol in settled), ZERO)


def collateral_info(world: World, account: Account, query: Mapping[str, str]) -> object:
    """Return per coin whether it counts and what is borrowed of it."""
    now = figures(world, account)
    asked = query.get("currency")
    rows = []
    for coin, ladder in COLLATERAL.items():
        if asked not in {None, coin}:
            continue
        one = now.coins.get(coin)
        switch = one.switch if one is not None else not account.flag(f"collateral_off:{coin}")
        tiers = BORROW.get(coin)
        borrowed = one.borrowed if one is not None else ZERO
        rows.append(
            {
                "currency": coin,
                "hourlyBorrowRate": "0.0000015",
                "maxBorrowingAmount": short(tiers[-1].limit) if tiers else "0",
                "freeBorrowingLimit": "0",
                "freeBorrowAmount": "0",
                "freeBorrowingAmount": "0",
                "borrowAmount": amount(borrowed),
                "otherBorrowAmount": "0",
                "availableToBorrow": "",
                "borrowable": tiers is not None,
                "borrowUsageRate": "0",
                "marginCollateral": True,
                "collateralSwitch": switch,
                "collateralRatio": short(ladder[0].ratio),
            }
        )
    return {"list": rows}


def position_tiers(world: World, account: Account, query: Mapping[str, str]) -> object:
    """Return the borrow tiers, all coins or one."""
    del world, account
    asked = query.get("currency")
    return {
        "list": [
            {
                "currency": coin,
                "positionTiersRatioList": [
                    {
                        "tier": str(number),
                        "borrowLimit": short(tier.limit),
                        "positionMMR": short(tier.maintenance_rate),
                        "positionIMR": short(tier.initial_rate),
                        "maxLeverage": short(tier.leverage_max),
                    }
                    for number, tier in enumerate(tiers, start=1)
                ],
            }
            for coin, tiers in BORROW.items()
            if asked in {None, coin}
        ]
    }


def fee_rate(world: World, account: Account, query: Mapping[str, str]) -> object:
    """Return the taker and maker fees, by symbol."""
    asked = category(query, "linear", "inverse", "spot", "option")
    symbol = query.get("symbol")
    names = [one.symbol for one in instruments_of(world, asked)]
    return {
        "category": asked,
        "list": [
            {
                "symbol": name,
                "baseCoin": "",
                "takerFeeRate": short(account.taker_fee),
                "makerFeeRate": short(account.maker_fee),
            }
            for name in names
            if symbol in {None, name}
        ],
    }
