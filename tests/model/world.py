"""
The model: two workers, their ledger, the network and the venue, as one value and its successors.

Rule: every line of the send section is a step of its own, and between any two steps anything may
happen: a tick of time (so every pause is covered), a crash, a request delivered, lost or executed.
What a worker writes goes through `moves`, that is, through the real protocol. Ages instead of
times make the world finite: there is no last tick.

    idle ──wakes, reads the ledger──► stamp ──► claim ──► post ──► wait ──► idle
                    └──► look (what the venue said) ──► idle
The venue's time is read after its answer came, as the program does: the worse order of the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from tests.model.case import Case
from tests.model.moves import NEVER, Moves, Row, older
from tests.model.parts import NOBODY, Executed, Ledger, Request, Worker, World
from watcher.domain.topup import Answered, Assurance, Found, Progress
from watcher.policy.protocol import ABSENCES_MIN

Step = tuple[str, World]
Part = TypeVar("Part", Worker, Ledger, Request, Executed)
IDLE = Worker()


class Model:
    """The successors of a world under one case."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.moves = Moves(case.assurance, case.settle)
        self.known: dict[object, Any] = {}

    def first(self) -> World:
        return World(ledgers=(Ledger(),) * (2 if self.case.split else 1))

    def steps(self, world: World) -> Iterator[Step]:
        yield "a tick", self.ticked(world)
        yield from self.network(world)
        for index, worker in enumerate(world.workers):
            yield from self.accidents(world, index, worker)
            yield from self.work(world, index, worker)

    def canonical(self, world: World) -> World:
        """Return the one world that stands for *world* and its mirror image."""
        first, second = (worker.at for worker in world.workers)
        if first < second or (
            first == second and self.mirror_order(world, 0) <= self.mirror_order(world, 1)
        ):
            requests = tuple(sorted(world.requests))
            return world if requests == world.requests else world._replace(requests=requests)
        swapped = [each._replace(owner=_other(each.owner)) for each in world.requests]
        return world._replace(
            workers=world.workers[::-1],
            ledgers=world.ledgers[::-1],
            owner=_other(world.owner),
            requests=tuple(sorted(swapped)),
        )

    def mirror_order(self, world: World, index: int) -> tuple[object, ...]:
        worker, ledger = world.workers[index], self.ledger(world, index)
        order = (worker.stamp, worker.found or "", worker.row or ())
        return (*order, ledger.row or (), ledger.attempt, ledger.done) if self.case.split else order

    # ---- time, network, venue

    def ticked(self, world: World) -> World:
        return world._replace(
            workers=tuple(map(self.aged, world.workers)),
            ledgers=tuple(map(self.aged, world.ledgers)),
            requests=tuple(map(self.aged, world.requests)),
            executed=tuple(map(self.aged, world.executed)),
            lease=max(0, world.lease - 1),
        )

    def aged(self, part: Part) -> Part:
        """Return *part* of a world a tick later; there are few, and they are met often."""
        found = self.known.get(part)
        if found is None:
            found = self.known[part] = self.older(part)
        return found

    def older(self, part: Part) -> Part:
        case, aged = self.case, self.moves.aged
        match part:
            case Worker():
                stamp = older(part.stamp, case.settle + 1)
                return part._replace(row=part.row and aged(part.row), stamp=stamp)
            case Ledger():
                return part._replace(row=part.row and aged(part.row))
            case Request():
                stamp = older(part.stamp, case.window + 1)
                return part._replace(stamp=stamp, queued=older(part.queued, case.queue + 1))
            case Executed():
                return part._replace(age=older(part.age, case.lag))

    def network(self, world: World) -> Iterator[Step]:
        for request in sorted(set(world.requests)):
            rest = _without(world.requests, request)
            gone = world._replace(requests=rest)
            if request.queued == NEVER:
                yield f"request {request.ref} is lost", gone
                yield from self.arrives(gone, request)
            else:
                yield from self.leaves_queue(gone, request)

    def arrives(self, gone: World, request: Request) -> Iterator[Step]:
        case = self.case
        if not self.is_takeable(request):
            yield from self.replied(gone, request, Answered.REJECTED, "refused: old time stamp")
            return
        if case.refuses:
            yield from self.replied(gone, request, Answered.REJECTED, "refused")
        known = any(each.ref == request.ref for each in gone.executed)
        if case.assurance is Assurance.DEDUP and known:
            yield from self.replied(gone, request, Answered.DUPLICATE, "refused: id used")
        elif case.queue:
            queued = request._replace(queued=0, owner=NOBODY)
            waiting = gone._replace(requests=(*gone.requests, queued))
            yield from self.replied(waiting, request, Answered.SUCCESS, "queued")
        else:
            yield from self.replied(
                _executed(gone, request.ref), request, Answered.SUCCESS, "EXECUTED"
            )

    def leaves_queue(self, gone: World, request: Request) -> Iterator[Step]:
        if self.is_takeable(request):
            yield f"queued {request.ref} is EXECUTED", _executed(gone, request.ref)
        yield (
            f"queued {request.ref} has failed",
            gone._replace(failed=gone.failed | {request.ref}),
        )

    # what the venue did, with its answer lost and with its answer heard
    def replied(
        self, world: World, request: Request, answer: Answered, words: str
    ) -> Iterator[Step]:
        yield f"request {request.ref} {words}, answer lost", world
        if request.owner != NOBODY and world.workers[request.owner].at == "wait":
            index = request.owner
            yield (
                f"request {request.ref} {words}, worker {index} hears it",
                self.heard(world, index, answer),
            )

    # ---- accidents

    def accidents(self, world: World, index: int, worker: Worker) -> Iterator[Step]:
        if worker.at in ("idle", "ended"):
            return
        crashed = _with(world, index, IDLE)
        yield f"worker {index} crashes at {worker.at}", crashed
        ledger = self.ledger(world, index)
        if self.case.power_loss and worker.at in ("post", "wait") and ledger.row == worker.row:
            lost = self.put(crashed, index, ledger._replace(row=None))
            yield f"power fails, worker {index}'s last commits are gone", lost

    # ---- the worker

    def work(self, world: World, index: int, worker: Worker) -> Iterator[Step]:
        match worker.at:
            case "idle":
                yield from self.wakes(world, index)
            case "stamp":
                at = "post" if self.case.stamps_after_commit else "claim"
                stamped = worker._replace(at=at, stamp=0)
                yield f"worker {index} takes the time", _with(world, index, stamped)
            case "claim":
                yield from self.claims(world, index, worker)
            case "post":
                yield from self.posts(world, index, worker)
            case "wait":
                yield f"worker {index} gives up waiting", self.heard(world, index, Answered.UNKNOWN)
                if self.case.client_repeats and len(world.requests) < self.case.requests:
                    assert worker.row is not None
                    again = Request(0, worker.row.ref, NEVER, index)
                    yield (
                        f"worker {index}'s client signs and sends again",
                        world._replace(requests=(*world.requests, again)),
                    )
            case "look":
                assert worker.row is not None
                assert worker.found is not None
                moved = self.looked_up(worker.row, worker.found)
                yield (
                    f"worker {index} writes what it saw: {worker.found} -> {moved.progress}",
                    self.written(world, index, worker.row, moved, IDLE),
                )

    def wakes(self, world: World, index: int) -> Iterator[Step]:
        if self.case.lease:
            if world.owner != index and world.lease > 0:
                return
            world = world._replace(owner=index, lease=self.case.lease_ticks)
        ledger = self.ledger(world, index)
        if ledger.done:
            yield f"worker {index} has nothing to do", _with(world, index, Worker("ended"))
        elif ledger.row is None:
            yield from self.decides(world, index, ledger)
        else:
            yield from self.carries(world, index, ledger.row)

    def carries(self, world: World, index: int, row: Row) -> Iterator[Step]:
        match row.progress:
            case Progress.APPROVED:
                yield f"worker {index} takes it up", self.begins(world, index, row)
            case Progress.SENDING if self.case.repeats_after_restart:
                yield f"worker {index} sends again", _with(world, index, Worker("post", row, 0))
            case Progress.SENDING:
                recovered = self.moves.recovered(row)
                yield (
                    f"worker {index} finds it in the middle of sending",
                    self.written(world, index, row, recovered, IDLE),
                )
            case Progress.HUMAN:
                yield from self.asks_person(world, index, row)
            case _:
                if self.moves.is_repeatable(row):
                    yield f"worker {index} will send it again", self.begins(world, index, row)
                for found in self.seen(world, row.ref):
                    looking = Worker("look", row, NEVER, found)
                    yield f"worker {index} looks: {found}", _with(world, index, looking)

    def decides(self, world: World, index: int, ledger: Ledger) -> Iterator[Step]:
        # what the venue's history shows by now has lifted the level: there is no trigger any more
        shown = any(each.age >= self.case.lag for each in world.executed)
        if shown or ledger.attempt >= self.case.attempts:
            return
        row = Row(Progress.APPROVED, ledger.attempt)
        if self.case.records_after_send:
            yield f"worker {index} decides", _with(world, index, Worker("post", row, 0))
        else:
            decided = self.put(world, index, ledger._replace(row=row))
            yield f"worker {index} decides", self.begins(decided, index, row)

    def begins(self, world: World, index: int, row: Row) -> World:
        at = "claim" if self.case.stamps_after_commit else "stamp"
        return _with(world, index, Worker(at, row))

    def claims(self, world: World, index: int, worker: Worker) -> Iterator[Step]:
        case, row = self.case, worker.row
        assert row is not None
        fenced = case.lease and not case.claims_without_look and world.owner != index
        same = case.claims_without_look or self.ledger(world, index).row == row
        if fenced or not same:
            yield f"worker {index} may not claim", _with(world, index, IDLE)
            return
        moved = self.moves.claimed(row, max(worker.stamp, 0))
        ledger = self.ledger(world, index)
        claimed = self.put(world, index, ledger._replace(row=moved))
        at = "stamp" if case.stamps_after_commit else "post"
        yield (
            f"worker {index} writes SENDING",
            _with(claimed, index, Worker(at, moved, worker.stamp)),
        )

    def posts(self, world: World, index: int, worker: Worker) -> Iterator[Step]:
        case, row = self.case, worker.row
        assert row is not None
        held_up = worker.stamp * 2 > case.window
        if held_up and case.checks_stamp and row.progress is Progress.SENDING:
            moved = self.moves.unsent(row)
            yield (
                f"worker {index} was held up and does not send",
                self.written(world, index, row, moved, IDLE),
            )
        if len(world.requests) < case.requests:
            ref = row.ref
            if case.fresh_id_each_send:
                ref = row.ref * 10 + row.sends
            sent = Request(min(worker.stamp, case.window + 1), ref, NEVER, index)
            posted = world._replace(requests=(*world.requests, sent))
            if case.records_after_send:
                row = self.moves.claimed(row, max(worker.stamp, 0))
            yield f"worker {index} sends", _with(posted, index, Worker("wait", row))

    def heard(self, world: World, index: int, answer: Answered) -> World:
        row = world.workers[index].row
        assert row is not None
        moved = self.moves.answered(row, answer)
        if self.case.believes_late_rejection and answer is Answered.REJECTED:
            moved = moved._replace(progress=Progress.REJECTED)
        if self.case.records_after_send:
            ledger = self.ledger(world, index)
            row = row if ledger.row is None else ledger.row
            world = self.put(world, index, ledger._replace(row=row))
        return self.written(world, index, row, moved, IDLE)

    def looked_up(self, row: Row, found: Found) -> Row:
        if self.case.believes_first_absence and found is Found.NOT_FOUND:
            return row._replace(progress=Progress.ABSENT)
        moved = self.moves.looked_up(row, found)
        if self.case.counts_early_absences and found is not Found.EXECUTED:
            absences = row.absences + (found is Found.NOT_FOUND)
            settled = moved.signed > self.case.settle and absences >= ABSENCES_MIN
            progress = Progress.ABSENT if settled else moved.progress
            return moved._replace(progress=progress, absences=min(absences, ABSENCES_MIN))
        return moved

    def asks_person(self, world: World, index: int, row: Row) -> Iterator[Step]:
        """A person who looks into it: says what is so, and "did not" only once it must show."""
        if not self.case.asks_person:
            return
        if Found.EXECUTED in self.seen(world, row.ref):
            judged = self.moves.judged(row, happened=True)
            yield "a person says it happened", self.written(world, index, row, judged, IDLE)
        elif row.signed > self.case.settle or self.case.person_answers_at_once:
            judged = self.moves.judged(row, happened=False)
            yield "a person says it did not", self.written(world, index, row, judged, IDLE)

    def seen(self, world: World, ref: int) -> tuple[Found, ...]:
        """Return what a look at the venue's books may come back with."""
        refs = [ref * 10 + sends for sends in range(4)] if self.case.fresh_id_each_send else [ref]
        if any(each.ref in refs and each.age >= self.case.lag for each in world.executed):
            return (Found.EXECUTED, Found.UNANSWERED)
        if any(each.ref in refs and each.queued != NEVER for each in world.requests):
            return (Found.PENDING, Found.NOT_FOUND, Found.UNANSWERED)
        if ref in world.failed:
            return (Found.FAILED, Found.NOT_FOUND, Found.UNANSWERED)
        return (Found.NOT_FOUND, Found.UNANSWERED)

    # ---- the ledger

    def ledger(self, world: World, index: int) -> Ledger:
        return world.ledgers[index if self.case.split else 0]

    def put(self, world: World, index: int, ledger: Ledger) -> World:
        if not self.case.split:
            return world._replace(ledgers=(ledger,))
        both = list(world.ledgers)
        both[index] = ledger
        return world._replace(ledgers=tuple(both))

    def written(self, world: World, index: int, was: Row, moved: Row, after: Worker) -> World:
        """Compare and set, as the ledger does; the worker goes on as *after* either way."""
        world = _with(world, index, after)
        ledger = self.ledger(world, index)
        if ledger.row != was:
            return world
        if moved.progress is Progress.DONE:
            return self.put(world, index, Ledger(done=True))
        if moved.progress is Progress.CANCELLED:
            wrong = self.may_execute(world, was.ref)
            return self.put(world, index, ledger._replace(row=None))._replace(wrong=wrong)
        if moved.progress in (Progress.REJECTED, Progress.ABSENT):
            wrong = self.may_execute(world, was.ref)
            closed = ledger._replace(row=None, attempt=ledger.attempt + 1)
            return self.put(world, index, closed)._replace(wrong=wrong)
        return self.put(world, index, ledger._replace(row=moved))

    def may_execute(self, world: World, ref: int) -> bool:
        if self.case.split or self.case.power_loss:
            return False  # another ledger's request is not this one's to know of
        coming = (each.ref == ref and self.is_takeable(each) for each in world.requests)
        return any(each.ref == ref for each in world.executed) or any(coming)

    def is_takeable(self, request: Request) -> bool:
        """Tell whether the venue may still execute *request*."""
        if request.queued != NEVER:
            return request.queued <= self.case.queue
        return request.stamp <= self.case.window or not self.case.checks_stamp


def _with(world: World, index: int, worker: Worker) -> World:
    """Return *world* with another worker; a request whose sender no longer waits is nobody's."""
    workers = list(world.workers)
    before, workers[index] = workers[index], worker
    if before.at == "wait" and worker.at != "wait":
        orphaned = tuple(
            each._replace(owner=NOBODY) if each.owner == index else each for each in world.requests
        )
        world = world._replace(requests=orphaned)
    return World(tuple(workers), *world[1:])


def _executed(world: World, ref: int) -> World:
    return world._replace(executed=tuple(sorted((*world.executed, Executed(ref, 0)))))


def _without(requests: tuple[Request, ...], request: Request) -> tuple[Request, ...]:
    at = requests.index(request)
    return requests[:at] + requests[at + 1 :]


def _other(index: int) -> int:
    return index if index == NOBODY else 1 - index
