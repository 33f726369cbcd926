"""What is made of the numbers: the table in the docs, the dashboard, the rules, and Prometheus."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from tests.unit.metrics_page import BUILD, Rendered, Says, everything, free_port
from tests.unit.service_stand_ins import START_US
from watcher.channels.metrics import Page

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
RULES = DOCS / "prometheus-rules.yml"
SUFFIX = re.compile(r"_(bucket|sum|count)$")
WORDS = re.compile(r"\b((?:watcher|process)_[a-z0-9_]+)\b(?:\{([^}]*)\})?")
FROM_SCRAPING = {"job", "instance"}
"""Labels that Prometheus adds by itself."""


@pytest.fixture(scope="module")
def shown() -> dict[str, set[str]]:
    """Return the labels of every sample on a page on which everything is known."""
    samples = [one for family in Rendered(everything()).families for one in family.samples]
    return {
        one.name: {key for each in samples if each.name == one.name for key in each.labels}
        for one in samples
    }


def board() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DOCS / "grafana.json").read_text(encoding="utf-8"))
    return found


def targets() -> Iterator[tuple[str, str]]:
    """Yield each expression of the dashboard with its legend."""
    for panel in board()["panels"]:
        for target in panel["targets"]:
            yield target["expr"], target["legendFormat"]


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> list[str]:
    return [expr for expr, _ in targets()] + [str(rule["expr"]) for rule in rules()]


def test_every_number_is_in_the_docs_with_its_labels(shown: dict[str, set[str]]) -> None:
    text = (DOCS / "operations.md").read_text(encoding="utf-8")
    table = text.partition("## Numbers")[2].partition("\n## ")[0]
    rows = re.findall(r"(?m)^\| `([a-z_0-9]+)` \| ([a-z, ]*?) ?\| .{1,}\|$", table)
    told = {name: set(filter(None, labels.split(", "))) for name, labels in rows}

    emitted = {SUFFIX.sub("", name): labels - {"le"} for name, labels in shown.items()}

    assert told == emitted


def test_the_dashboard_and_the_rules_name_only_what_is_shown(shown: dict[str, set[str]]) -> None:
    for expr in expressions():
        for name, matchers in WORDS.findall(expr):
            assert name in shown, expr
            asked = set(re.findall(r"(\w+)\s*[=!]~?", matchers))
            assert asked - FROM_SCRAPING <= shown[name], expr
        grouped = {word for by in re.findall(r"by \(([^)]*)\)", expr) for word in by.split(", ")}
        assert grouped <= set().union(*(shown[name] for name, _ in WORDS.findall(expr))), expr


def test_legends_and_summaries_name_labels_there_are(shown: dict[str, set[str]]) -> None:
    said = [(expr, legend) for expr, legend in targets()]
    said += [(rule["expr"], rule["annotations"]["summary"]) for rule in rules()]
    for expr, words in said:
        known = set().union(*(shown[name] for name, _ in WORDS.findall(expr)))
        assert set(re.findall(r"\{\{ ?(?:\$labels\.)?(\w+) ?\}\}", words)) <= known, expr


def test_the_dashboard_shows_every_number(shown: dict[str, set[str]]) -> None:
    used = {SUFFIX.sub("", name) for expr, _ in targets() for name, _ in WORDS.findall(expr)}

    assert used == {SUFFIX.sub("", name) for name in shown}


def test_the_dashboard_names_no_machine_and_its_panels_do_not_lie_on_each_other() -> None:
    whole = board()
    cells = [
        (x, y)
        for panel in whole["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    sources = {str(part["datasource"]["uid"]) for part in whole["panels"]}

    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert sources == {"${datasource}"}
    assert len({panel["id"] for panel in whole["panels"]}) == len(whole["panels"])


# -- Prometheus' own word --------------------------------------------------------------------------


def promtool(*words: str, text: str | None = None) -> str:
    done = subprocess.run(
        ["promtool", *words],  # noqa: S607 - from the path
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def without_variables(expr: str) -> str:
    return expr.replace('"$account"', '".*"').replace('"$job"', '"watcher"')


needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here")


@needs_promtool
def test_promtool_takes_the_rules_and_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    file = tmp_path / "all.yml"
    recorded = [
        {"record": f"expr:{number}", "expr": without_variables(expr)}
        for number, (expr, _) in enumerate(targets())
    ]
    file.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": recorded}]}))

    assert not promtool("check", "rules", str(RULES))
    assert not promtool("check", "rules", str(file))


@needs_promtool
def test_promtool_finds_the_page_well_made() -> None:
    text = Rendered(everything()).text

    assert not promtool("check", "metrics", text=text)


CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: watcher
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


@pytest.mark.process
@pytest.mark.skipif(shutil.which("prometheus") is None, reason="no prometheus here")
def test_prometheus_itself_scrapes_the_page(tmp_path: Path) -> None:
    says = Says()
    says.numbers = everything()
    port, own = free_port(), free_port()
    config = tmp_path / "prometheus.yml"
    config.write_text(CONFIG.format(rules=RULES, port=port))

    async def story() -> None:
        page = asyncio.create_task(
            Page(f"127.0.0.1:{port}", says, build=BUILD, started_us=START_US).run()
        )
        prometheus = await asyncio.create_subprocess_exec(
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{own}",
            "--log.level=warn",
        )
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{own}") as session:
                await asyncio.wait_for(_scraped(session), 90)
                found = await _asked(session, 'watcher_distance_percent{account="main"}')
                assert [one["value"][1] for one in found] == ["6.5"]
                assert found[0]["metric"]["pool"] == "unified"
                for expr in expressions():
                    await _asked(session, without_variables(expr))
                async with session.get("/api/v1/rules") as answer:
                    loaded = (await answer.json())["data"]["groups"][0]["rules"]
                assert [one["lastError"] for one in loaded if one.get("lastError")] == []
        finally:
            prometheus.terminate()
            await prometheus.wait()
            page.cancel()
            await asyncio.wait([page])

    asyncio.run(story())


async def _scraped(session: aiohttp.ClientSession) -> None:
    """Wait until a scrape went well."""
    while True:
        await asyncio.sleep(0.2)
        try:
            async with session.get("/api/v1/targets") as answer:
                active = (await answer.json())["data"]["activeTargets"]
        except aiohttp.ClientError:
            continue
        up = any(one["health"] == "up" for one in active)
        if up and await _asked(session, "watcher_healthy"):
            return


async def _asked(session: aiohttp.ClientSession, expr: str) -> list[dict[str, Any]]:
    async with session.get("/api/v1/query", params={"query": expr}) as answer:
        body = await answer.json()
    assert body["status"] == "success", (expr, body)
    found: list[dict[str, Any]] = body["data"]["result"]
    return found
