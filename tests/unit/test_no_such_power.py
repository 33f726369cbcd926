"""
What the program cannot do, whatever happens to it: judged by its text, every file of it.

No order, no withdrawal, no payment to anybody else; no connection whose certificate is not looked
at; no shell, no code from data, no door that listens.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = [
    path
    for path in sorted((ROOT / "watcher").rglob("*.py"))
    if path.relative_to(ROOT / "watcher").parts[0] != "sim"
]
"""The practice exchange is a server and plays the venue: it has all of this, on loopback."""

RAW = re.compile(r"(?:[sfdpe]api|private|public)\w*?(Get|Post|Put|Delete|Patch)[A-Z]\w*")

MONEY = {
    "sapiPostAssetTransfer": "between the account's own wallets",
    "fapiPrivatePostPositionMargin": "adds margin to an isolated position",
    "dapiPrivatePostPositionMargin": "adds margin to an isolated position",
    "sapiPostMarginBorrowRepay": "repays a debt; that it never borrows is a test of its own",
    "privatePostV5AssetTransferInterTransfer": "between the account's own wallets",
    "privatePostV5AccountNoConvertRepay": "repays a debt",
    "privatePostV5PositionAddMargin": "adds margin to an isolated position",
    "privatePostAssetTransfer": "between the account's own wallets",
    "privatePostAccountPositionMarginBalance": "adds margin to an isolated position",
}
"""Everything that changes anything at a venue."""

READ_BY_POST = {"sapiPostAssetGetFundingAsset", "sapiV3PostAssetGetUserAsset"}

SOUNDS_WORSE = {
    "privateGetV5OrderRealtime": "lists the resting orders",
    "privateGetV5SpotMarginTradePositionTiers": "has a deposit in it by letters only",
    "privateGetV5AccountWithdrawal": "what may leave the unified wallet, as a number",
}
"""Readings named after what they are about."""

UNIFIED = re.compile(
    r"(?i)^(withdraw|create_?(limit|market|stop)?_?(buy|sell)?_?orders?|edit_?orders?"
    r"|cancel_?(all_?)?orders?|transfer_?(in|out)|borrow_?\w*margin|reduce_?margin"
    r"|set_?(leverage|margin_?mode|position_?mode)|close_?positions?|sub_?account_?\w*)$"
)


def nodes() -> Iterator[tuple[str, ast.AST]]:
    for path in PRODUCT:
        place = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield place, node


def endpoints() -> set[str]:
    """Return every raw endpoint of ccxt named anywhere, as a text or as an attribute."""
    words = set()
    for _, node in nodes():
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            words.add(node.value)
        elif isinstance(node, ast.Attribute):
            words.add(node.attr)
    return {word for word in words if RAW.fullmatch(word)}


def verb_of(endpoint: str) -> str:
    found = RAW.fullmatch(endpoint)
    assert found is not None
    return found[1]


def test_what_is_sent_to_a_venue_is_this_and_no_more() -> None:
    changing = {one for one in endpoints() if verb_of(one) != "Get"}

    assert changing == MONEY.keys() | READ_BY_POST


def test_no_endpoint_places_orders_or_withdraws() -> None:
    worse = re.compile(r"(?i)withdraw|order|subaccount|universal|deposit|convert(?!Repay)|broker")
    found = {one for one in endpoints() if worse.search(one)}

    assert found - {"privatePostV5AccountNoConvertRepay"} == SOUNDS_WORSE.keys()
    assert all(verb_of(one) == "Get" for one in SOUNDS_WORSE)


def test_no_unified_method_of_the_library_that_acts_is_called() -> None:
    called = [
        f"{place}:{node.lineno} {node.func.attr}"
        for place, node in nodes()
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and UNIFIED.match(node.func.attr)
    ]

    assert called == []


def test_endpoints_are_named_in_whole() -> None:
    """A name put together at run time would be seen by none of these tests."""
    asked = {
        place
        for place, node in nodes()
        if place.startswith("watcher/venues/")
        and isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "getattr"
        and not isinstance(node.args[1], ast.Constant)
    }
    built = [
        f"{place}:{node.lineno}"
        for place, node in nodes()
        if isinstance(node, ast.JoinedStr)
        and re.search(r"(Get|Post|Put|Delete|Patch)[A-Z]|[sfdpe]api[A-Z]", ast.unparse(node))
    ]

    assert asked == {
        "watcher/venues/ccxt_venue.py",  # the reading client: the name it is given
        "watcher/venues/sender.py",  # the money client: the order it is given
        "watcher/venues/lean.py",  # a class of the library
    }
    assert built == []


def test_what_can_go_both_ways_is_only_sent_one() -> None:
    """The request that repays could borrow, the one that adds margin could take it away."""
    source = (ROOT / "watcher/venues/binance/money.py").read_text(encoding="utf-8")
    okx = (ROOT / "watcher/venues/okx/money.py").read_text(encoding="utf-8")

    assert set(re.findall(r'"type": "(\w+)"', source)) == {"REPAY", "1"}
    assert '"BORROW"' not in source
    assert set(re.findall(r'"type": "(\w+)"', okx)) <= {"add", "0"}


UNSAFE = {
    "verify": False,
    "verify_ssl": False,
    "verify_certificate": False,
    "check_hostname": False,
    "ssl": False,
    "allow_redirects": True,
    "follow_redirects": True,
    "shell": True,
}


def test_no_certificate_goes_unlooked_at_and_no_redirect_is_followed() -> None:
    found = []
    for place, node in nodes():
        if isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant):
            name, value, line = node.arg, node.value.value, node.value.lineno
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            target = node.targets[0]
            name = target.attr if isinstance(target, ast.Attribute) else None
            value, line = node.value.value, node.lineno
        else:
            continue
        if name in UNSAFE and value is UNSAFE[name]:
            found.append(f"{place}:{line} {name}={value}")

    assert found == []


def test_every_request_to_a_venue_says_that_redirects_are_not_followed() -> None:
    """aiohttp follows them unless told."""
    asked = [
        {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        for place, node in nodes()
        if place.startswith("watcher/venues/")
        and isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func).endswith("session.request")
    ]

    assert len(asked) == 1
    assert asked[0]["allow_redirects"] == "False"


def test_nothing_turns_a_text_into_code_or_opens_a_door() -> None:
    banned = {
        "eval", "exec", "compile", "__import__",
        "pickle.loads", "pickle.load", "marshal.loads", "yaml.load", "os.system", "os.popen",
        "ssl._create_unverified_context", "asyncio.start_server", "asyncio.start_unix_server",
        "web.TCPSite", "web.UnixSite", "web.run_app", "create_subprocess_shell",
    }  # fmt: skip
    found = [
        f"{place} {name}"
        for place, node in nodes()
        if isinstance(node, ast.Call)
        and (name := ast.unparse(node.func)) in banned | {f"asyncio.{one}" for one in banned}
    ]
    unverified = [place for place, node in nodes() if "CERT_NONE" in _names(node)]

    # the one door: off unless asked for, on this machine only, and it gives nothing but numbers
    page = "watcher/channels/metrics.py"
    assert sorted(found) == [f"{page} web.TCPSite", f"{page} web.UnixSite"]
    assert unverified == []


def _names(node: ast.AST) -> set[str]:
    return {node.attr} if isinstance(node, ast.Attribute) else set()
