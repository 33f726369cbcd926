"""
Properties of the code itself: what the house asks of every file, as failing tests.

Rule: each test names the files it is about in its failure, so that the person who broke it knows
where to look. Nothing of the program is started here.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import picturing
from watcher.settings.keys import ANY, is_secret, leaves

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "watcher").rglob("*.py"))
PYTHON = sorted([*SOURCES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "bench").rglob("*.py")])
FUNCTION_LINES_MAX = 60
MODULE_LINES_MAX = 400
CATALOGUE = "watcher/policy/messages/"

# Who may read the clock, draw by chance, or print: the outermost floor only.
OUTERMOST = ("watcher/app.py", "watcher/cli/", "watcher/__main__.py")
IMPURE = {
    "time.time",
    "time.time_ns",
    "time.monotonic",
    "time.monotonic_ns",
    "time.perf_counter",
    "time.perf_counter_ns",
    "time.clock_gettime",
    "time.clock_gettime_ns",
    "time.sleep",
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "uuid.uuid1",
    "uuid.uuid4",
    "os.urandom",
    "print",
}
CHANCE = re.compile(r"(random|secrets)\.\w+")

# Written in two halves so that this list does not find itself. The unit file names its own home.
HOSTS = ["pypi" + ".org", "python" + "hosted.org", "npmjs" + ".com"]
PLACES = re.compile("/(ho" + "me|Us" + "ers)/[a-z]|/ro" + "ot/|/tm" + "p/[a-z]")
INSTALLED = Path("/opt/watcher")


def assert_none(found: list[str]) -> None:
    """Fail with every finding on a line of its own; a list would be cut short."""
    assert not found, "\n".join(["", *found])


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tracked_texts() -> Iterator[Path]:
    skipped = {".git", ".venv", "state", "out", "build", "dist", "__pycache__"}
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = any(part in skipped or part.endswith(("_cache", ".egg-info")) for part in parts)
        if path.is_file() and not hidden and ".hypothesis" not in parts:
            yield path


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def name_of(node: ast.expr) -> str:
    """Return the last two parts of a dotted name: `datetime.datetime.now` is `datetime.now`."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.insert(0, node.id)
    return ".".join(parts[-2:])


def test_every_module_says_what_it_is_for() -> None:
    silent = [relative(path) for path in PYTHON if not ast.get_docstring(parsed(path))]

    assert_none(silent)


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{relative(path)}:{node.lineno} {node.name} has {length} lines"
        for path in SOURCES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]

    assert_none(long)


def test_no_module_is_larger_than_a_room() -> None:
    large = [
        f"{relative(path)} has {lines} lines"
        for path in SOURCES
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MODULE_LINES_MAX
    ]

    assert_none(large)


def test_nothing_is_left_for_later_without_a_name() -> None:
    pattern = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    found = [
        f"{relative(path)}:{number}"
        for path in PYTHON
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]

    assert_none(found)


def test_only_the_outermost_floor_reads_clocks_draws_or_prints() -> None:
    """The practice world may draw from a seeded `random.Random`, and from nothing else."""
    found = []
    for path in SOURCES:
        place = relative(path)
        if place.startswith(OUTERMOST):
            continue
        for node in ast.walk(parsed(path)):
            if not isinstance(node, ast.Call):
                continue
            name = name_of(node.func)
            seeded = (
                place.startswith(("watcher/sim/", "watcher/storm/"))
                and name == "random.Random"
                and node.args
            )
            if name in IMPURE or (CHANCE.fullmatch(name) and not seeded):
                found.append(f"{place}:{node.lineno} {name}")

    assert_none(found)


def test_a_suppressed_warning_has_its_reason_beside_it() -> None:
    bare = [
        f"{relative(path)}:{number}"
        for path in PYTHON
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"# noqa(: [A-Z]+\d+(, [A-Z]+\d+)*)?\s*$", line)
    ]

    assert_none(bare)


def test_nothing_names_a_registry_or_a_place_on_one_machine() -> None:
    found = []
    for path in tracked_texts():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        own = [] if ROOT == INSTALLED else [f"{ROOT}/"]
        found += [f"{relative(path)}: {word}" for word in [*HOSTS, *own] if word in text]
        found += [f"{relative(path)}: {place[0]}" for place in PLACES.finditer(text)]

    assert_none(found)


def test_every_config_key_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    keys = [".".join(path).replace(ANY, "NAME") for path, _ in leaves()]

    assert_none([key for key in keys if f"`{key}`" not in readme])


def test_every_log_event_is_in_the_readme() -> None:
    """Events are `<subject>.<past participle>`, written once as a constant string."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = [f"{event} ({place})" for event, place in log_events() if f"`{event}`" not in readme]

    assert_none(missing)


def test_log_events_are_constant_and_well_formed() -> None:
    wrong = [
        f"{place}: {event}"
        for event, place in log_events()
        if re.fullmatch(r"[a-z_]+\.[a-z_]+", event) is None
    ]

    assert_none(wrong)


def log_events() -> list[tuple[str, str]]:
    levels = {"debug", "info", "warning", "error", "critical", "exception"}
    events = []
    for path in SOURCES:
        for node in ast.walk(parsed(path)):
            if not isinstance(node, ast.Call):
                continue
            # `(log.info if repeated else log.warning)("poll.missed")` is a log line too
            verb = node.func.body if isinstance(node.func, ast.IfExp) else node.func
            if not isinstance(verb, ast.Attribute) or verb.attr not in levels:
                continue
            if name_of(verb.value).split(".")[-1] not in {"log", "_log", "logger"}:
                continue
            place = f"{relative(path)}:{node.lineno}"
            first = node.args[0] if node.args else None
            constant = isinstance(first, ast.Constant) and isinstance(first.value, str)
            events.append((str(first.value) if constant else "not a constant", place))
    return events


# -- the words ------------------------------------------------------------------------------------

WORDLESS = (
    "watcher/policy/",
    "watcher/service/",
    "watcher/channels/",
    "watcher/drawing/",
    "watcher/treasury.py",
)
"""Who holds no words for people: a translation is the catalogue replaced."""

SHOWN_BY = {"row", "Bold", "Fixed", "Text"}
"""What is given to these is read as it stands, be it one word."""

LOGGED = {"debug", "info", "warning", "error", "critical", "exception"}

# what has letters and a space, and why nobody reads it in the chat
NO_WORDS = {
    "watcher/drawing/picture.py": {
        "axes fraction": "Matplotlib's",
        "offset points": "Matplotlib's",
        "%-d %b": "a format of dates",
        "%-d %b %H:%M": "the same",
    },
    "watcher/policy/asked.py": {" up to ": "typed after /mute"},
    "watcher/policy/money_notes.py": {
        "watcher money status": "typed on the server",
        'watcher money unfreeze --reason "..."': "the same",
    },
    "watcher/policy/opinions.py": {"maintenance margin": "the name of a figure, in the store too"},
    "watcher/policy/proposals.py": {
        "watcher money settle ": "typed on the server",
        " --happened": "the same",
        " --did-not": "the same",
    },
    "watcher/policy/protocol.py": {
        "no such id": "evidence, as the ledger keeps it",
        "did not": "the same",
    },
    "watcher/service/carrying.py": {" arrived": "evidence, as the ledger keeps it"},
    "watcher/policy/unhelped.py": {"watcher check": "typed on the server"},
    "watcher/policy/venue_checks.py": {"ahead of": "a stored fact", " days": "a stored fact"},
    "watcher/policy/verbs.py": {
        "mute with an end": "an effect, named for the reader of the code",
        "pause money": "the same",
        "kill money": "the same",
        "prove a road": "the same",
    },
}
NO_CHAT = {
    "watcher/channels/apprise.py": "why a sending failed: the log's",
    "watcher/channels/console.py": "a terminal in place of a chat, for trying out",
    "watcher/channels/metrics.py": "what numbers mean, for Prometheus; why none are shown: the log",
    "watcher/channels/telegram.py": "why a sending failed: the log's",
    "watcher/service/supervise.py": "why the process ends: the log's",
    "watcher/service/watchdog.py": "why the process is restarted: the log's",
}


def test_no_module_but_the_catalogue_holds_words_for_people() -> None:
    found = []
    for path in SOURCES:
        place = relative(path)
        if not place.startswith(WORDLESS) or place.startswith(CATALOGUE) or place in NO_CHAT:
            continue
        tree = parsed(path)
        unread = {id(node) for each in ast.walk(tree) for node in unread_parts(each)}
        shown = {id(part) for each in ast.walk(tree) for part in shown_parts(each)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
                continue
            text = node.value
            is_words = " " in text.strip("\n") or id(node) in shown
            allowed = text.startswith("/") or text in NO_WORDS.get(place, {})
            if re.search("[A-Za-z]", text) and is_words and id(node) not in unread and not allowed:
                found.append(f"{place}:{node.lineno} {text!r}")

    assert_none(found)


def unread_parts(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is in docstrings, assertions, exceptions and log lines."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        yield node.value
    if isinstance(node, ast.Assert | ast.Raise):
        yield from ast.walk(node)
    if isinstance(node, ast.Call):
        verb = node.func.body if isinstance(node.func, ast.IfExp) else node.func
        if isinstance(verb, ast.Attribute) and verb.attr in LOGGED:
            yield from ast.walk(node)


def shown_parts(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is given to a row as it is."""
    if isinstance(node, ast.Call) and name_of(node.func).split(".")[-1] in SHOWN_BY:
        for given in (*node.args, *(keyword.value for keyword in node.keywords)):
            yield from given.values if isinstance(given, ast.JoinedStr) else (given,)


def test_what_may_look_like_words_is_still_there() -> None:
    for place, texts in NO_WORDS.items():
        values = {n.value for n in ast.walk(parsed(ROOT / place)) if isinstance(n, ast.Constant)}
        assert texts.keys() <= values, place
    assert all((ROOT / place).is_file() for place in NO_CHAT)


def catalogue_names() -> list[str]:
    """Return the name of every text, as often as it stands in the catalogue."""
    return [
        target.id
        for path in sorted((ROOT / CATALOGUE).glob("*.py"))
        for node in parsed(path).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]


def test_no_name_of_the_catalogue_stands_twice() -> None:
    """The rooms are one catalogue to whoever speaks: the later room would win in silence."""
    assert_none(sorted(name for name, times in Counter(catalogue_names()).items() if times > 1))


def test_who_speaks_sees_the_catalogue_and_no_rooms() -> None:
    found = [
        f"{relative(path)}:{node.lineno} {node.module}"
        for path in SOURCES
        if not relative(path).startswith(CATALOGUE)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("watcher.policy.messages")
    ]

    assert_none(found)


def test_every_text_of_the_catalogue_is_said_somewhere() -> None:
    said = {
        node.attr
        for path in SOURCES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute) and name_of(node.value) == "say"
    }

    assert_none(sorted(set(catalogue_names()) ^ said))


# -- config/watcher.example.toml -------------------------------------------------------------------


def example() -> str:
    return (ROOT / "config" / "watcher.example.toml").read_text(encoding="utf-8")


def uncommented() -> dict[str, object]:
    """Return the example with its commented keys switched on."""
    lines = [
        re.sub(r"^# (?=(\[[a-z_.]+\]|[A-Za-z_]+ = ))", "", line) for line in example().splitlines()
    ]
    return tomllib.loads("\n".join(lines))


def at(data: object, path: tuple[str, ...]) -> object:
    for part in path:
        data = data.get(part) if isinstance(data, dict) else None
    return data


def test_the_example_has_every_key_and_no_other() -> None:
    shown = {
        path for path in flattened(uncommented()) if path[0] != "betas" and path[2:3] != ("betas",)
    }
    keys = {
        tuple("main" if part == ANY else part for part in path)
        for path, field in leaves()
        if not is_secret(field) and "betas" not in path
    }

    assert shown == keys
    assert set(at(uncommented(), ("betas",))) == {"SOL"}
    assert set(at(uncommented(), ("accounts", "main", "betas"))) == {"SOL"}


def flattened(data: dict[str, object], prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in data.items():
        if isinstance(value, dict):
            yield from flattened(value, (*prefix, key))
        else:
            yield (*prefix, key)


def test_the_example_equals_the_defaults() -> None:
    """What stands uncommented is the default word for word; what has none is commented out."""
    given = tomllib.loads(example())
    wrong = []
    for path, field in leaves():
        if ANY in path or is_secret(field) or path == ("state_dir",):
            continue
        default = list(field.default) if isinstance(field.default, tuple) else field.default
        if at(given, path) != default:
            wrong.append(f"{'.'.join(path)}: {at(given, path)!r}, the code says {default!r}")

    assert_none(wrong)


def test_the_example_has_no_account_of_its_own() -> None:
    given = tomllib.loads(example())

    assert "accounts" not in given
    assert "state_dir" not in given, "it would win over $STATE_DIRECTORY"


@pytest.mark.parametrize("path", [path for path, _ in leaves() if ANY not in path])
def test_the_example_explains_each_key_beside_it(path: tuple[str, ...]) -> None:
    lines = [line for line in example().splitlines() if re.match(rf"#? ?{path[-1]} = ", line)]
    field = dict(leaves())[path]

    assert is_secret(field) or any("#" in line.partition(" = ")[2] for line in lines)


def test_the_pictures_in_docs_show_todays_words() -> None:
    """Drawn from the golden texts by `python -m tests.picturing`."""
    assert picturing.main(["--check"]) == 0
