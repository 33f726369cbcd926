"""What `watcher init` writes: whole or not at all, private, and a person's comments left alone."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from watcher.settings import Need, load
from watcher.setup.files import Draft, SetupError, named

KEY = ("accounts", "main", "api_key")
SECRET = ("accounts", "main", "api_secret")


def filled(config: Path) -> Draft:
    draft = Draft(config)
    draft.put(("accounts", "main", "venue"), "bybit")
    draft.put(("telegram", "chat_id"), 123)
    draft.put_secret(KEY, "key-of-main-0123456789")
    draft.put_secret(SECRET, "secret-of-main-0123456789")
    return draft


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_what_is_written_is_what_the_loader_reads(tmp_path: Path) -> None:
    config = tmp_path / "new" / "watcher.toml"

    filled(config).write()

    settings = load(config, environ={}, need=Need.ACCOUNTS, container_secrets=tmp_path / "none")
    account = settings.accounts["main"]
    assert account.api_key is not None
    assert account.api_key.get_secret_value() == "key-of-main-0123456789"
    assert settings.telegram.chat_id == 123


def test_secrets_are_for_nobody_else_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        filled(tmp_path / "watcher.toml").write()
    finally:
        os.umask(before)

    folder = tmp_path / "secrets"
    assert mode(folder) == 0o700
    assert {mode(file) for file in folder.iterdir()} == {0o600}
    assert "key-of-main" not in (tmp_path / "watcher.toml").read_text()


def test_a_file_that_was_open_to_others_is_closed_by_writing_it_anew(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o755)
    old = folder / "watcher_accounts__main__api_key"
    old.write_text("old")
    old.chmod(0o644)

    filled(tmp_path / "watcher.toml").write()

    assert mode(old) == 0o600
    assert mode(folder) == 0o700
    assert old.read_text() == "key-of-main-0123456789\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_under_sudo_the_files_belong_to_whose_folder_it_is(tmp_path: Path) -> None:
    """The daemon runs as that user, and could not read what is root's alone."""
    os.chown(tmp_path, 65534, 65534)

    filled(tmp_path / "watcher.toml").write()

    made = [tmp_path / "watcher.toml", tmp_path / "secrets", *tmp_path.glob("secrets/*")]
    assert len(made) == 4
    assert {(path.stat().st_uid, path.stat().st_gid) for path in made} == {(65534, 65534)}


def test_a_link_stays_one(tmp_path: Path) -> None:
    there = tmp_path / "kept" / "mine.toml"
    there.parent.mkdir()
    there.write_text("")
    config = tmp_path / "watcher.toml"
    config.symlink_to(there)

    filled(config).write()

    assert config.is_symlink()
    assert "bybit" in there.read_text()
    assert (tmp_path / "secrets").is_dir(), "beside the place that was named"


BY_HAND = """\
# mine, and it stays
timezone = "Europe/Berlin"   # where I sleep

[telegram]
chat_id = 5 # the old chat

[accounts.main]   # the big one
venue = "okx"
tiers.distance = ["15%", "9%", "5%", "3%"]   # as agreed with myself
"""


def test_a_file_a_person_wrote_keeps_comments_order_and_mode(tmp_path: Path) -> None:
    config = tmp_path / "watcher.toml"
    config.write_text(BY_HAND)
    config.chmod(0o640)
    draft = Draft(config)

    draft.put(("telegram", "chat_id"), 6)
    draft.put(("accounts", "second", "venue"), "bybit")
    draft.write()

    text = config.read_text()
    assert text.startswith(BY_HAND.replace("chat_id = 5", "chat_id = 6"))
    assert mode(config) == 0o640
    assert tomllib.loads(text)["accounts"]["second"] == {"venue": "bybit"}


DOTTED = """\
accounts.main.venue = "bybit" # the big one
telegram.chat_id = 5
telegram.allowed_users = [5] # me
"""
MIXED = """\
[accounts]
main.venue = "bybit" # the big one

[telegram]
chat_id = 5
"""
INLINE = """\
accounts = { main = { venue = "bybit" } } # the big one
telegram = { chat_id = 5 }
"""
INLINE_ACCOUNT = """\
[accounts]
main = { venue = "bybit" } # the big one

[telegram]
chat_id = 5
"""
SCATTERED = """\
[accounts.main] # the big one
venue = "bybit"

[telegram]
chat_id = 5

[accounts.third]
venue = "okx"
"""
LINES = ["15%", "9%", "5%", "3%"]


@pytest.mark.parametrize("text", [DOTTED, MIXED, INLINE, INLINE_ACCOUNT, SCATTERED])
def test_a_file_is_changed_in_the_form_it_is_written_in(tmp_path: Path, text: str) -> None:
    """A header after the first of some dotted keys would take the others into its table."""
    config = tmp_path / "watcher.toml"
    config.write_text(text)
    draft = Draft(config)

    draft.put(("accounts", "second", "venue"), "okx")
    draft.put(("accounts", "main", "tiers", "distance"), LINES)
    draft.put(("telegram", "chat_id"), 6)
    draft.put(("heartbeat", "every"), "30s")
    draft.write()

    wanted = tomllib.loads(text)
    wanted["accounts"]["second"] = {"venue": "okx"}
    wanted["accounts"]["main"]["tiers"] = {"distance": LINES}
    wanted["telegram"]["chat_id"] = 6
    wanted["heartbeat"] = {"every": "30s"}
    assert tomllib.loads(config.read_text()) == wanted
    assert "# the big one" in config.read_text()
    load(config, environ={}, need=Need.NOTHING, container_secrets=tmp_path / "none")


def test_a_text_that_says_anything_else_than_was_set_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "watcher.toml"
    config.write_text(DOTTED)
    monkeypatch.setattr("watcher.setup.files._is_dotted", lambda *_: False)
    draft = Draft(config)
    draft.put(("accounts", "second", "venue"), "okx")
    draft.put_secret(KEY, "key-of-main-0123456789")

    with pytest.raises(SetupError, match=r"toml .*accounts\.second\.venue .*nothing was written"):
        draft.write()

    assert config.read_text() == DOTTED
    assert list(tmp_path.iterdir()) == [config]


@pytest.mark.parametrize("text", ["accounts = 3\n", '[accounts]\nmain = "bybit"\n'])
def test_what_no_key_can_be_put_into_is_told(tmp_path: Path, text: str) -> None:
    config = tmp_path / "watcher.toml"
    config.write_text(text)

    with pytest.raises(SetupError, match=r"main\.endpoint cannot be set .*run this again"):
        Draft(config).put(("accounts", "main", "endpoint"), "http://127.0.0.1:1")


MANY = """\
[telegram]
allowed_users = [
    5,  # me
    6  # my wife
]  # who may
"""


def test_a_list_that_grows_keeps_what_is_said_of_each_entry(tmp_path: Path) -> None:
    config = tmp_path / "watcher.toml"
    config.write_text(MANY)
    draft = Draft(config)

    draft.put(("telegram", "allowed_users"), [5, 6, 7])
    draft.write()

    text = config.read_text()
    assert all(words in text for words in ("5,  # me\n", "# my wife\n", "]  # who may"))
    assert tomllib.loads(text)["telegram"]["allowed_users"] == [5, 6, 7]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        (("telegram", "second_chat_id"), 123, r"telegram: found second_chat_id = chat_id"),
        (("poll", "calm"), "1s", r"poll\.calm: found \"1s\""),
    ],
)
def test_what_the_loader_would_refuse_is_not_written(
    tmp_path: Path, key: tuple[str, ...], value: object, expected: str
) -> None:
    config = tmp_path / "watcher.toml"
    filled(config).write()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    draft = Draft(config)
    draft.put(key, value)
    draft.put_secret(KEY, "another-of-main-0123456789")

    with pytest.raises(SetupError, match=f"toml would be refused.* {expected}, expected .*by hand"):
        draft.write()

    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_key_of_another_account_is_refused_before_it_is_kept(tmp_path: Path) -> None:
    config = tmp_path / "watcher.toml"
    filled(config).write()
    before = config.read_text(), sorted(tmp_path.rglob("*"))
    draft = Draft(config)
    draft.put(("accounts", "second", "venue"), "bybit")
    draft.put_secret(("accounts", "second", "api_key"), "key-of-main-0123456789")

    with pytest.raises(
        SetupError, match=r"second\.api_key: found the key of accounts\.main"
    ) as told:
        draft.write()

    assert "key-of-main" not in str(told.value)
    assert (config.read_text(), sorted(tmp_path.rglob("*"))) == before


def test_only_what_is_set_is_written_each_key_with_its_meaning(tmp_path: Path) -> None:
    config = tmp_path / "watcher.toml"

    filled(config).write()

    text = config.read_text()
    assert tomllib.loads(text) == {
        "accounts": {"main": {"venue": "bybit"}},
        "telegram": {"chat_id": 123},
    }
    assert "chat_id = 123 # the chat alerts go to; a group's number is negative" in text
    assert "[accounts]\n" not in text


def test_nothing_changed_writes_nothing(tmp_path: Path) -> None:
    config = tmp_path / "watcher.toml"
    filled(config).write()
    before = config.stat().st_mtime_ns, config.stat().st_ino

    Draft(config).write()

    assert (config.stat().st_mtime_ns, config.stat().st_ino) == before


@pytest.mark.parametrize("at", range(1, 7))
@pytest.mark.parametrize("call", ["fsync", "fchmod", "replace"])
def test_ctrl_c_at_any_moment_leaves_old_or_new_and_nothing_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, call: str
) -> None:
    """Three files, one after the other; wherever it stops, all can be read and redone."""
    config = tmp_path / "watcher.toml"
    config.write_text(BY_HAND)
    count = 0
    place: object = Path if call == "replace" else os
    true = getattr(place, call)

    def struck(*given: object) -> object:
        nonlocal count
        count += 1
        if count == at:
            raise KeyboardInterrupt
        return true(*given)

    monkeypatch.setattr(place, call, struck)
    draft = filled(config)
    stopped = False
    try:
        draft.write()
    except KeyboardInterrupt:
        stopped = True
    monkeypatch.undo()

    assert stopped is (at <= 3)
    left = [file.name for file in tmp_path.rglob(".*")]
    assert left == [], "nothing half-made lies about"
    texts = {BY_HAND, draft.text}
    assert config.read_text() in texts
    wanted = {"key-of-main-0123456789\n", "secret-of-main-0123456789\n"}
    kept = {file.read_text() for file in tmp_path.glob("secrets/*")}
    assert kept <= wanted
    load(config, environ={}, need=Need.NOTHING, container_secrets=tmp_path / "none")

    filled(config).write()
    assert {file.read_text() for file in tmp_path.glob("secrets/*")} == wanted


@pytest.mark.parametrize("place", ["file/watcher.toml", "folder"])
def test_what_cannot_be_read_is_told(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()

    with pytest.raises(SetupError, match=r"cannot be read: (not a directory|is a directory)"):
        Draft(tmp_path / place)


def test_what_is_no_toml_is_told_with_its_line(tmp_path: Path) -> None:
    config = tmp_path / "watcher.toml"
    config.write_text("[telegram\nchat_id = 1\n")

    with pytest.raises(SetupError, match=r"toml line 1, column 10: not TOML: .*; mend it, or"):
        Draft(config)


def test_secrets_come_as_an_environment_file_has_them() -> None:
    found = named("# mine\nexport WATCHER_A=1\n\n WATCHER_B = 'two=2' \r\n")

    assert found == {"WATCHER_A": "1", "WATCHER_B": "two=2"}
    with pytest.raises(SetupError, match="line 2: expected WATCHER_NAME=value"):
        named("WATCHER_A=1\nmy-secret-key\n")
