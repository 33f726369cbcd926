"""
Questions of `watcher init`: to a person in a terminal, or to nobody.

Rule: a secret is typed unseen and shown nowhere. What was given beforehand (environment, standard
input) is used once: a wrong one is then asked for, not tried for ever.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping

from watcher.cli import show
from watcher.setup.prompt import Unanswered

YES = frozenset({"y", "yes"})
NO = frozenset({"n", "no"})


class Terminal:
    """The `Prompt` of a person."""

    patient = True

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = dict(given)

    def say(self, text: str = "", *, style: str = "") -> None:
        show.line(text, style=style)

    def ask(self, question: str, *, how: str, default: str | None = None) -> str:
        del how
        shown = f" [{default}]" if default else ""
        while True:
            answer = input(f"{question}{shown}: ").strip()
            if answer or default is not None:
                return answer or default or ""

    def hidden(self, question: str, *, name: str, optional: bool = False) -> str:
        given = self._given.pop(name, "")
        if given:
            show.line(f"{question}: taken from {name}")
            return given
        while True:
            answer = getpass.getpass(f"{question}: ").strip()
            if answer or optional:
                return answer

    def agrees(self, question: str, *, default: bool) -> bool:
        while True:
            answer = input(f"{question} [{'Y/n' if default else 'y/N'}]: ").strip().lower()
            if not answer:
                return default
            if answer in YES | NO:
                return answer in YES


class Nobody:
    """The `Prompt` where no terminal is: what was not given is refused."""

    patient = False

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = dict(given)

    def say(self, text: str = "", *, style: str = "") -> None:
        del style
        print(text)

    def ask(self, question: str, *, how: str, default: str | None = None) -> str:
        if default is None:
            raise Unanswered(question.strip(), how)
        return default

    def hidden(self, question: str, *, name: str, optional: bool = False) -> str:
        given = self._given.pop(name, "")
        if not given and not optional:
            raise Unanswered(question.strip(), f"{name} in the environment or with --secrets")
        return given

    def agrees(self, question: str, *, default: bool) -> bool:
        del question
        return default
