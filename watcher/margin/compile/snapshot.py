"""
A whole snapshot as one Book.

Rule: pools whose venue's figures are shown (family `reported`, or named in `unmodelled`) are left
out of the Book and told with the reason; all others are compiled, or the snapshot is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from watcher.domain.account import Asset, Claim, Family, Order, Position, Snapshot
from watcher.margin.book import Book, Draft
from watcher.margin.compile.debt_ratio import debt_ratio
from watcher.margin.compile.haircut_pool import haircut_pool
from watcher.margin.compile.pool import Pool, Sheet
from watcher.margin.compile.single import inverse_pool, linear_pool
from watcher.margin.errors import BookError, NotModelled

COMPILERS: Mapping[Family, Callable[[Draft, Pool], Sheet]] = {
    Family.LINEAR_POOL: linear_pool,
    Family.INVERSE_POOL: inverse_pool,
    Family.HAIRCUT_POOL: haircut_pool,
    Family.DEBT_RATIO: debt_ratio,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """
    `numbers` gives each compiled pool its place in the Book, `left_out` the reason of the others
    ("" for pools that are `reported` by nature).
    """

    book: Book
    pools: Mapping[str, Pool]
    sheets: Mapping[str, Sheet]
    numbers: Mapping[str, int]
    left_out: Mapping[str, str]


def compile_snapshot(
    snapshot: Snapshot, betas: Mapping[str, float], *, only: str | None = None
) -> Compiled:
    """
    Return the Book of all pools of *snapshot*, or of the one called *only*.

    Raises: `BookError` for a snapshot that cannot be right.
    """
    pools = split(snapshot, betas)
    draft = Draft()
    sheets: dict[str, Sheet] = {}
    left_out: dict[str, str] = {}
    for name, pool in pools.items():
        if only is not None and name != only:
            continue
        if name in snapshot.unmodelled:
            left_out[name] = snapshot.unmodelled[name]
        elif pool.rules.family is Family.REPORTED:
            left_out[name] = ""
        elif pool.rules.family not in COMPILERS:
            left_out[name] = f"{pool.rules.family.value} accounts are not computed yet"
        else:
            _one(draft, pool, sheets, left_out)
    return Compiled(
        book=draft.seal(),
        pools=pools,
        sheets=sheets,
        numbers={name: number for number, name in enumerate(sheets)},
        left_out=left_out,
    )


def _one(draft: Draft, pool: Pool, sheets: dict[str, Sheet], left_out: dict[str, str]) -> None:
    marks = (len(draft.terms), len(draft.rows), draft.sums, draft.pools)
    try:
        sheets[pool.name] = COMPILERS[pool.rules.family](draft, pool)
    except NotModelled as reason:
        # what was written of it is taken back, so that the Book holds whole pools only
        left_out[pool.name] = reason.why
        del draft.terms[marks[0] :], draft.rows[marks[1] :]
        draft.sums, draft.pools = marks[2], marks[3]


def split(snapshot: Snapshot, betas: Mapping[str, float]) -> dict[str, Pool]:
    """Return every pool's share of *snapshot*, in the order of its rules."""
    _check_levels(snapshot)
    _check_rows(snapshot)
    indices = {asset.asset: asset.index for asset in snapshot.assets if asset.index > 0}
    return {
        name: Pool(
            name=name,
            rules=rules,
            reference=snapshot.reference,
            assets=tuple(a for a in snapshot.assets if a.pool == name),
            positions=tuple(p for p in snapshot.positions if p.pool == name),
            items=tuple(i for i, p in enumerate(snapshot.positions) if p.pool == name),
            orders=tuple(o for o in snapshot.orders if o.pool == name),
            claims=tuple(c for c in snapshot.claims if c.pool == name),
            indices=indices,
            betas=betas,
        )
        for name, rules in snapshot.rules.items()
    }


def _check_levels(snapshot: Snapshot) -> None:
    # a call that comes after the liquidation warns nobody
    for name, rules in snapshot.rules.items():
        call, end = rules.call_level, rules.liquidation_level
        if call is not None and end is not None and not call >= end:
            raise BookError(
                f"{name}: call_level is {call}, expected at least the liquidation_level, {end}"
            )


def _check_rows(snapshot: Snapshot) -> None:
    # rows that name no known pool, an asset told twice, numbers that are none
    for asset in snapshot.assets:
        _check_row(snapshot, asset, "assets", asset.asset)
    for position in snapshot.positions:
        _check_row(snapshot, position, "positions", position.symbol)
    for order in snapshot.orders:
        _check_row(snapshot, order, "orders", order.symbol)
    for claim in snapshot.claims:
        _check_row(snapshot, claim, "claims", claim.name)
    seen: set[tuple[str, str]] = set()
    for asset in snapshot.assets:
        if (asset.pool, asset.asset) in seen:
            raise BookError(f"{asset.pool} {asset.asset}: has two asset rows, expected one")
        seen.add((asset.pool, asset.asset))
        for field in ("debt", "interest", "frozen"):
            value = getattr(asset, field)
            if value is not None and value < 0:
                raise BookError(
                    f"{asset.pool} {asset.asset}: {field} is {value}, expected 0 or more"
                )


def _check_row(
    snapshot: Snapshot, row: Asset | Position | Order | Claim, kind: str, name: str
) -> None:
    if row.pool not in snapshot.rules:
        raise BookError(f"{row.pool}: has {kind} but no rules")
    for field in row.__slots__:
        value = getattr(row, field)
        if isinstance(value, Decimal) and not value.is_finite():
            raise BookError(f"{row.pool} {name}: {field} is {value}, expected a finite number")
