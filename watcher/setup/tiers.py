"""
The step of the lines: what each account would start in, and lines that fit it better.

Rule: the person accepts or refuses; refused, the lines stay as they are. Lines that the rehearsal
would refuse are not offered.
"""

from __future__ import annotations

from collections.abc import Sequence

from watcher.settings import Settings, alert_rules
from watcher.settings.rules import rehearsed
from watcher.setup.kit import Kit, made
from watcher.setup.look import Answer
from watcher.setup.proposal import Proposal, proposal, words


def tiers(kit: Kit, answers: Sequence[Answer]) -> None:
    """Propose lines for every account of *answers* that would start in a tier."""
    settings = kit.settings()
    for answer in answers:
        if answer.report is None:
            kit.prompt.say(f"{answer.name}: not read, no lines are proposed")
            continue
        found = proposal(answer.report, alert_rules(settings, answer.name))
        if found is None:
            kit.prompt.say(f"{answer.name}: no line fires now; they stay as they are")
            continue
        kit.prompt.say(words(answer.name, found), style="yellow")
        if found.ladders and _fits(settings, answer.name, found):
            _offer(kit, answer.name, found)


def _fits(settings: Settings, name: str, found: Proposal) -> bool:
    ladders = {measure.value: lines for measure, lines in found.ladders.items()}
    venue = settings.accounts[name].venue
    return not rehearsed(made(accounts={name: {"venue": venue, "tiers": ladders}}))


def _offer(kit: Kit, name: str, found: Proposal) -> None:
    if not kit.prompt.agrees(f"  take them for {name}?", default=kit.flags.accept_tiers):
        return
    for measure, lines in found.ladders.items():
        kit.draft.put(
            ("accounts", name, "tiers", measure.value),
            list(lines),
            f"it was at {found.value} when these were proposed",
        )
    kit.draft.write()
