"""
`watcher check`: validate the configuration, read every account once, show our numbers beside the
venue's and what each tier means in prices. Sends nothing, writes nothing.

Rule: exit code 1 when an account cannot be read, is partial, or our ratio and the venue's lie
further apart than the divergence alert tolerates; 2 when the configuration is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path

from watcher.cli import FINE, REFUSED, TROUBLE, check_json, show
from watcher.cli.errors import tell_running_errors
from watcher.cli.options import add_clock, config_parser, refuse, settings_of
from watcher.domain.account import Snapshot
from watcher.domain.report import PoolReport, Status
from watcher.domain.road import Reach
from watcher.domain.status import VenueStatus
from watcher.domain.topup import Verb
from watcher.outlets import open_fallback
from watcher.policy import messages as say
from watcher.policy import opinions, proving
from watcher.policy.checks import tolerance
from watcher.policy.plan import plan, steps
from watcher.ports import StoreError
from watcher.settings import ConfigError, Need, Settings, alert_rules, destinations, reaches
from watcher.settings.top_up import TopUp
from watcher.setup import look
from watcher.setup.advice import about_clock, next_step
from watcher.setup.look import Answer, ask_all
from watcher.store.beside import overview


def main(argv: Sequence[str]) -> int:
    parser = config_parser(
        "check",
        "Validate the configuration, read every account once and compare with the venue. "
        "Sends nothing.",
    )
    parser.add_argument(
        "--json", action="store_true", help=f"print one {check_json.SCHEMA} document instead"
    )
    add_clock(parser)
    arguments = parser.parse_args(argv)
    settings = settings_of(arguments, Need.ACCOUNTS | Need.LINES)
    if settings is None:
        return REFUSED
    try:
        if settings.fallback.url is not None:
            asyncio.run(open_fallback(settings.fallback.url))
        answers, now_us = asyncio.run(ask_all(settings, arguments.clock))
    except ConfigError as error:
        refuse(error)
        return REFUSED
    if arguments.json:
        print(check_json.text([_found(answer, settings) for answer in answers], now_us))
    else:
        tell(settings, answers, now_us)
    return TROUBLE if any(_status(answer) != "ok" for answer in answers) else FINE


def tell(settings: Settings, answers: Sequence[Answer], now_us: int) -> None:
    """Print what every account of *settings* answered, and which roads would wake somebody."""
    _tell_settings(settings)
    for answer in answers:
        _tell(answer, settings, now_us)
    tell_running_errors(Path(settings.state_dir))
    _tell_waking(settings, now_us)


def _tell_settings(settings: Settings) -> None:
    count = len(settings.accounts)
    show.line(f"configuration: fine, {count} account{'' if count == 1 else 's'}")
    _tell_telegram(settings)


def _tell_telegram(settings: Settings) -> None:
    chat, token = settings.telegram.chat_id, settings.telegram.bot_token
    if chat is None or token is None:
        show.line("telegram: not set up; `watcher run` will refuse to start", style="yellow")
    else:
        who = _people(len(settings.telegram.allowed_users), len(settings.telegram.viewers))
        show.line(f"telegram: alerts to chat {chat}, {who}; `watcher send-test` sends a message")


def _people(users: int, viewers: int) -> str:
    found = []
    if users:
        found.append(f"{users} {'person' if users == 1 else 'people'} may give orders")
    if viewers:
        found.append(f"{viewers} {'person' if viewers == 1 else 'people'} may only ask")
    return ", ".join(found) or "nobody may ask"


def _tell_waking(settings: Settings, now_us: int) -> None:
    proofs: dict[Reach, int | None] = dict.fromkeys(reaches(settings))
    # where no daemon ever ran, nothing was ever proven
    with suppress(StoreError):
        seen, marks = overview(Path(settings.state_dir)), destinations(settings)
        # of an edit that no daemon has taken up yet nothing was proven either
        proofs |= {
            road: seen.proofs[road].at_us
            for road, mark in marks.items()
            if road in seen.proofs and seen.destinations.get(road, mark) == mark
        }
    show.line()
    for road in (Reach.SECOND, Reach.FALLBACK):
        said = proving.proven(proofs[road], now_us) if road in proofs else "not configured"
        show.line(f"road {road.road}: {said}")
    asleep = proving.asleep(proofs, now_us)
    if asleep is not None:
        show.line()
        show.line(asleep, style="yellow")
    if settings.heartbeat.url is None:
        show.line(say.NO_PING, style="yellow")


def _status(answer: Answer) -> str:
    """Return what is wrong with an account in one word, worst first; `ok` when nothing is."""
    if answer.trouble is not None or answer.snapshot is None or answer.report is None:
        return "unread"
    pools = answer.report.pools
    if any(pool.status is Status.PARTIAL for pool in pools):
        return "partial"
    limit = tolerance(answer.snapshot)
    # where the venue tells what an asset counts for, its figure is used and nothing is in doubt
    if any(one.figure == "maintenance margin" for one in answer.snapshot.mismatches):
        return "disagrees"
    return "disagrees" if any(_apart(pool) > limit for pool in pools) else "ok"


def _apart(pool: PoolReport) -> float:
    return 0.0 if pool.disagreement is None else abs(pool.disagreement)


def _found(answer: Answer, settings: Settings) -> check_json.Found:
    account, rules = settings.accounts[answer.name], alert_rules(settings, answer.name)
    return check_json.Found(
        account=answer.name,
        venue=account.venue,
        endpoint=account.endpoint,
        status=_status(answer),
        trouble=answer.trouble,
        start=answer.status,
        snapshot=answer.snapshot,
        report=answer.report,
        steps=() if answer.snapshot is None else steps(answer.snapshot, rules),
    )


def _tell(answer: Answer, settings: Settings, now_us: int) -> None:
    """Print one account."""
    account = settings.accounts[answer.name]
    where = f" at {account.endpoint}" if account.endpoint else ""
    mode = f" · {answer.status.mode}" if answer.status else ""
    show.line()
    show.heading(f"{answer.name} · {account.venue}{where}{mode}")
    if answer.status is not None:
        _tell_status(answer.status, now_us)
    if answer.trouble is not None or answer.snapshot is None or answer.report is None:
        show.line(f"  NOT READ: {answer.trouble}", style="red")
        step = next_step(account.venue, answer.trouble or "")
        if step is not None:
            show.line(f"  next: {step}")
        return
    limit = tolerance(answer.snapshot)
    rows = [row for pool in answer.report.pools for row in _rows(pool, answer.snapshot)]
    show.table(["pool", "figure", "ours", "the venue's", "difference"], rows, words=2)
    if not rows:
        show.line("  holds nothing")
    for pool in answer.report.pools:
        for words in _troubles(pool, answer.snapshot, limit):
            show.line(f"  {pool.pool}: {words}", style="red")
    for line in plan(answer.snapshot, alert_rules(settings, answer.name)):
        show.line(f"  {line}")
    _tell_top_ups(account.top_up, answer.snapshot)


def _tell_top_ups(table: TopUp | None, snapshot: Snapshot) -> None:
    if table is None:
        return
    verbs = ", ".join(verb.value for verb in table.verbs)
    show.line(f"  top-ups: {table.mode}, {verbs} below {table.trigger} up to {table.target}")
    leads = {
        table.destination if verb is not Verb.ADD_MARGIN else "isolated:*" for verb in table.verbs
    }
    if not any(fnmatchcase(pool, to) for pool in snapshot.rules for to in leads):
        there = ", ".join(sorted(snapshot.rules)) or "none"
        words = f"  top-ups: NONE MADE: no {' or '.join(sorted(leads))} here now; pools: {there}"
        show.line(words, style="yellow")


def _troubles(pool: PoolReport, snapshot: Snapshot, limit: float) -> list[str]:
    found = []
    if pool.status is Status.PARTIAL:
        found.append(f"PARTIAL: {pool.why}; the venue's figures are used")
    if _apart(pool) > limit:
        found.append(
            f"DISAGREES: our ratio and the venue's lie {_apart(pool):.2g} % apart, "
            f"more than {limit:.2g} %; " + opinions.reason(snapshot, pool)
        )
    found += [
        f"TABLE DIFFERS: {opinions.said(one)}"
        for one in snapshot.mismatches
        if one.pool == pool.pool
    ]
    return found


def _rows(pool: PoolReport, snapshot: Snapshot) -> list[list[str]]:
    says = snapshot.venue_says.get(pool.pool)
    pairs = [
        ("equity", pool.equity, None if says is None else says.equity),
        (
            "maintenance margin",
            pool.maintenance_margin,
            None if says is None else says.maintenance_margin,
        ),
        ("used margin", pool.used_margin, None if says is None else says.used_margin),
    ]
    rows = [
        [
            pool.pool,
            f"{name} {pool.reference}",
            show.money(ours),
            show.money(None if theirs is None else float(theirs)),
            _difference(ours, None if theirs is None else float(theirs)),
        ]
        for name, ours, theirs in pairs
    ]
    ratio = ""
    if pool.venue_ratio is not None:
        ratio = f"{pool.venue_ratio.name} {float(pool.venue_ratio.value):.6g}"
    apart = "" if pool.disagreement is None else f"{abs(pool.disagreement):.2f} %"
    rows.append([pool.pool, "health", show.health(pool.health), ratio, apart])
    rows.append([pool.pool, "margin level", show.percent(pool.margin_level), "", ""])
    distance = "none in range" if pool.tier_distance is None else show.percent(pool.tier_distance)
    rows.append([pool.pool, f"distance ({pool.worst_path or 'no path'})", distance, "", ""])
    rows += [[pool.pool, *show.stage(one), "", ""] for one in pool.stage_reports]
    for position in pool.positions:
        theirs = None if says is None else says.liquidation_price(position.symbol, position.side)
        rows.append(
            [
                pool.pool,
                f"{position.symbol} {position.side} liquidated at",
                show.price(position.liquidation_price),
                show.price(None if theirs is None else float(theirs)),
                # what the venue itself calls an estimate is shown, and held against nobody
                "its estimate"
                if says is not None and says.liquidation_estimated and theirs is not None
                else _difference(
                    position.liquidation_price, None if theirs is None else float(theirs)
                ),
            ]
        )
    return rows


def _difference(ours: float | None, theirs: float | None) -> str:
    if ours is None or theirs is None:
        return ""
    if theirs == 0:
        return "0.00 %" if ours == 0 else show.money(ours - theirs)
    return f"{abs(ours - theirs) / abs(theirs) * 100:.2f} %"


def _tell_status(status: VenueStatus, now_us: int) -> None:
    show.line(f"  key: {look.rights(status.rights, now_us)}")
    offset = status.clock_offset_ms
    step = about_clock(status)
    advice = f"; {step}" if step else ""
    show.line(
        f"  clock: {offset:+.0f} ms against the venue's{advice}", style="yellow" if step else ""
    )
    show.line(f"  requests: {status.weight_used} of {status.weight_limit} weight used this window")
