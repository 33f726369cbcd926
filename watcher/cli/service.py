"""
`watcher service`: the daemon as a systemd service, of the machine or of one user.

Rule: everything is looked at before anything is changed: the configuration as the service will see
it, the places it may read, what stands there already. What a hand has changed is shown and left
alone. Doing it twice does nothing twice; each line printed is one thing done. Uninstalling keeps
the configuration, the secrets and the state.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from watcher.cli import FINE, REFUSED, TROUBLE, unit
from watcher.cli.installing import (
    PREFIX,
    SYSTEM_CONFIG,
    USER,
    Command,
    File,
    Folder,
    Place,
    Refusal,
    Removal,
    Step,
    StepFailed,
    ran,
    system_place,
    user_place,
)

UNREADABLE = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))  # noqa: S108 - named, not used
"""What the unit of the machine hides from the service."""
CONFIG_DEFAULT = "config/watcher.toml"


def main(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(argv)
    try:
        _look_for_systemd(arguments.root)
        if arguments.what == "install":
            return _install(arguments)
        place = _place(arguments, None)
        return _status(place) if arguments.what == "status" else _uninstall(place, arguments)
    except Refusal as refusal:
        print(f"watcher: {refusal}", file=sys.stderr)
        if refusal.more:
            print(refusal.more, file=sys.stderr)
        return REFUSED
    except (StepFailed, OSError) as error:
        print(f"watcher: {error}", file=sys.stderr)
        return TROUBLE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="watcher service", description="Install, look at or remove the systemd service."
    )
    parser.add_argument("what", choices=["install", "status", "uninstall"])
    parser.add_argument("--user", action="store_true", help="a service of your own, without root")
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="install with this configuration"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, do nothing")
    parser.add_argument("--force", action="store_true", help="replace what a hand has changed")
    parser.add_argument("--root", type=Path, default=Path("/"), help=argparse.SUPPRESS)
    return parser


def _look_for_systemd(root: Path) -> None:
    # the folder is there where systemd is the machine's first process; the command may be anywhere
    if not (root / "run/systemd/system").is_dir():
        raise Refusal(
            "no systemd runs this machine: let what starts services here start `watcher run`, "
            "or use the container (config/docker-compose.yml)"
        )


# -- installing ------------------------------------------------------------------------------------


def _install(arguments: argparse.Namespace) -> int:
    if not (
        arguments.user or os.geteuid() == 0 or arguments.root != Path("/") or arguments.dry_run
    ):
        raise Refusal(
            f"found user {os.geteuid()}, expected root: sudo {_program()[0]} service install, "
            "or --user for a service of your own"
        )
    source = arguments.config or _default_config(arguments)
    place = _place(arguments, source)
    if not place.user and arguments.root == Path("/"):
        _look_at_program()
    from watcher.cli.service_settings import checked  # noqa: PLC0415 - `status` needs no settings

    found = checked(source, place)
    if found is None:
        return REFUSED
    place, secrets = found
    steps = list(_steps(source, place, secrets))
    if not arguments.force:
        _look_at_hands(steps, place)
    steps += _starting(place, changed=any(step.due for step in steps))
    if arguments.dry_run:
        _tell_plan(steps)
        return FINE
    _carry_out(steps)
    look = f"{' '.join(place.systemctl)} status watcher"
    print(f"\nit watches. Look: {look}; watcher health --state-dir {place.state}")
    if not place.user and source != place.config:
        print(
            f"the service reads {place.config} and {place.secrets}, not the files beside {source}"
        )
    return FINE


def _default_config(arguments: argparse.Namespace) -> Path:
    installed = not arguments.user and (arguments.root / SYSTEM_CONFIG.relative_to("/")).exists()
    return SYSTEM_CONFIG if installed else Path(CONFIG_DEFAULT)


def _place(arguments: argparse.Namespace, source: Path | None) -> Place:
    if not arguments.user:
        return system_place(arguments.root)
    config = (source or Path(CONFIG_DEFAULT)).absolute()
    return user_place(arguments.root, config, os.environ)


def _look_at_program() -> None:
    own = Path(__file__)  # a tree that is installed in place lies elsewhere than its program
    for path in (Path(_program()[0]), own, Path(sys.executable), Path(sys.prefix)):
        hidden = hidden_in(path) or hidden_in(path.resolve())
        if hidden is not None:
            raise Refusal(
                f"{path} lies in {hidden}, which the service may not see: install the program "
                "elsewhere, such as /opt/watcher, and say it from there; or use --user"
            )


def hidden_in(path: Path) -> Path | None:
    """Return the place *path* lies in that the service of the machine does not see, if any."""
    return next((place for place in UNREADABLE if path.is_relative_to(place)), None)


def _program() -> list[str]:
    script = Path(sysconfig.get_path("scripts")) / "watcher"
    return [str(script)] if script.exists() else [sys.executable, "-m", "watcher"]


def _steps(source: Path, place: Place, secrets: Mapping[str, str]) -> Iterator[Step]:
    seal = unit.seal_of(secrets)
    if place.user:
        yield Folder(path=place.state, mode=0o700, at=place.at(place.state))
        yield Folder(path=place.secrets, mode=0o700, at=place.secrets)
        for name, text in secrets.items():
            file = place.secrets / name
            yield File(path=file, text=_line(text, file), mode=0o600, at=file, shown=False)
        start = unit.start_line(_program(), str(place.config))
        text = unit.for_user(start, str(place.state), seal)
    else:
        yield Command(words_of=_ADD_USER, unless=("getent", "passwd", USER))
        yield Folder(path=place.config.parent, mode=0o755, at=place.at(place.config.parent))
        yield Folder(path=place.secrets, mode=0o700, at=place.at(place.secrets))
        if source != place.config:
            given = source.read_text(encoding="utf-8")
            yield File(path=place.config, text=given, mode=0o644, at=place.at(place.config))
        files = {name: place.secrets / name.removeprefix(PREFIX) for name in secrets}
        for name, file in files.items():
            line = _line(secrets[name], place.at(file))
            yield File(path=file, text=line, mode=0o600, at=place.at(file), shown=False)
        start = unit.start_line(_program(), str(place.config))
        text = unit.for_system(start, [(name, str(file)) for name, file in files.items()], seal)
    yield File(path=place.unit, text=text, mode=0o644, at=place.at(place.unit))


def _starting(place: Place, *, changed: bool) -> Iterator[Step]:
    """Yield what makes systemd run the unit; *changed*: what stands there now is not what runs."""
    systemctl = place.systemctl
    if changed:
        yield Command(words_of=(*systemctl, "daemon-reload"))
    yield Command(
        words_of=(*systemctl, "enable", USER), unless=(*systemctl, "is-enabled", "--quiet", USER)
    )
    fix = f"look: journalctl {'--user ' if place.user else ''}--unit watcher --lines 20"
    if changed:
        yield Command(words_of=(*systemctl, "restart", USER), fix=fix)
    else:
        active = (*systemctl, "is-active", "--quiet", USER)
        yield Command(words_of=(*systemctl, "start", USER), unless=active, fix=fix)
    if place.user:
        yield Command(
            words_of=("loginctl", "enable-linger"),
            fix="without it the service runs only while you are logged in; root may allow it: "
            f"loginctl enable-linger {os.environ.get('USER', '')}".rstrip(),
            vital=False,
        )


_ADD_USER = (
    "useradd",
    "--system",
    "--user-group",
    "--no-create-home",
    "--shell",
    "/usr/sbin/nologin",
    USER,
)


def _line(text: str, file: Path) -> str:
    """Return *text* as it stands in *file* if that says the same, else as one line."""
    found = file.read_text(encoding="utf-8") if file.exists() else ""
    return found if found.strip() == text.strip() else f"{text}\n"


def _look_at_hands(steps: Sequence[Step], place: Place) -> None:
    """Raises: `Refusal` for a file that holds something else than we would write, or ever wrote."""
    for step in steps:
        if not isinstance(step, File) or step.found is None or not step.due:
            continue
        if step.path == place.unit and unit.is_ours(step.found):
            continue  # of another version or configuration: ours to renew
        hand = "was changed by hand" if step.path == place.unit else "holds something else already"
        raise Refusal(
            f"{step.path} {hand}; keep it, or have it replaced with --force"
            + (_ADVICE if step.path == place.unit else ""),
            _difference(step) if step.shown else "",
        )


_ADVICE = '. Changes that stay belong into "systemctl edit watcher"'


def _difference(step: File) -> str:
    lines = difflib.unified_diff(
        (step.found or "").splitlines(),
        step.text.splitlines(),
        f"{step.path} (there)",
        f"{step.path} (would be)",
        lineterm="",
    )
    return "\n".join(lines)


def _tell_plan(steps: Sequence[Step]) -> None:
    for step in steps:
        if isinstance(step, Command):
            print(f"$ {step.words()}" if step.due else f"# not needed: {step.words()}")
        elif not step.due:
            print(f"# as it is: {step.words()}")
        else:
            print(f"# {step.words()}")
            if isinstance(step, File) and step.shown:
                print(step.text)


def _carry_out(steps: Sequence[Step]) -> None:
    for step in steps:
        if step.due:
            try:
                step.do()
            except StepFailed as error:
                if not isinstance(step, Command) or step.vital:
                    raise
                print(f"NOT done: {error}")
                continue
            print(f"done: {step.words()}")
        else:
            print(f"as it was: {step.words()}")


# -- looking and removing --------------------------------------------------------------------------


def _status(place: Place) -> int:
    file = place.at(place.unit)
    if not file.exists():
        print(f"not installed: no {place.unit}")
        return TROUBLE
    text = file.read_text(encoding="utf-8")
    hand = "as this program wrote it" if unit.is_ours(text) else "changed by hand, or not ours"
    print(f"unit: {place.unit}, {hand}")
    for verb in ("is-enabled", "is-active"):
        print(f"{verb.removeprefix('is-')}: {ran((*place.systemctl, verb, USER)).stdout.strip()}")
    for words in _kept(place, text):
        print(words)
    strange = [name for name in _secret_files(place) if f":{place.secrets / name}\n" not in text]
    if strange and not place.user:
        print(f"not handed to the service: {', '.join(strange)}; `watcher service install` does it")
    active = ran((*place.systemctl, "is-active", "--quiet", USER)).returncode == 0
    return FINE if active else TROUBLE


def _uninstall(place: Place, arguments: argparse.Namespace) -> int:
    if not (place.user or os.geteuid() == 0 or arguments.root != Path("/") or arguments.dry_run):
        raise Refusal(f"found user {os.geteuid()}, expected root, or --user for your own service")
    file = place.at(place.unit)
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    if not text:
        print(f"nothing to remove: no {place.unit}")
    else:
        if not (arguments.force or unit.is_ours(text)):
            raise Refusal(f"{place.unit} was changed by hand; remove it all the same with --force")
        stop = Command(words_of=(*place.systemctl, "disable", "--now", USER))
        reload = Command(words_of=(*place.systemctl, "daemon-reload"))
        steps: list[Step] = [stop, Removal(path=place.unit, at=file), reload]
        (_tell_plan if arguments.dry_run else _carry_out)(steps)
    for words in _kept(place, text):
        print(f"kept: {words}")
    return FINE


def _secret_files(place: Place) -> list[str]:
    folder = place.at(place.secrets)
    try:
        return sorted(file.name for file in folder.iterdir() if not file.name.startswith("."))
    except OSError:
        return []  # not there, or not for this user to look at


def _kept(place: Place, text: str) -> Iterator[str]:
    """Yield where everything is that is not the program's; *text* is the unit's."""
    given = re.search(r"(?m)^ExecStart=.* --config (.+)$", text)
    if place.user:
        if given is not None:
            yield f"configuration: {given[1]}, and its secrets beside it"
    else:
        yield f"configuration: {place.config}"
        count = len(_secret_files(place))
        yield f"secrets: {place.secrets} ({count} file{'' if count == 1 else 's'})"
        yield f"user: {USER}"
    yield f"state: {place.state}"
