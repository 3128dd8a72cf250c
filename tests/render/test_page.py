"""The page of a frontier: it needs nothing else, says what the ledger says, and keeps text as text."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from mlxkit.core.frontier import METRICS, Frontier
from mlxkit.render.page import embedded, render_page
from tests.fakes.frontiers import HOSTILE, frontier, hostile, measurements


class Read(HTMLParser):
    """What a browser would make of a page: elements with their attributes, and the text of each."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "input"):
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[self.open[-1]][-1] += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page(of: Frontier | None = None) -> Read:
    return Read(render_page(of or frontier(), "kl"))


def test_the_embedded_json_is_the_frontier_and_its_figures_are_the_ledgers() -> None:
    found = frontier()
    data = json.loads(page(found).texts["script"][0])

    assert data.pop("metric") == "kl"
    for point in data["points"]:
        del point["size_text"], point["bits_text"]
    assert data == found.data()
    said = {one.id: one.summary for one in measurements()}
    for point in data["points"]:
        for reading in point["readings"].values():
            assert said[reading["measurement_id"]][reading["key"]] == reading["value"]


def test_tables_have_every_reading_without_a_script() -> None:
    found, read = frontier(), page()
    cells = " ".join((*read.texts["td"], *read.texts["th"]))

    for point in found.points:
        assert point.name in cells
        for reading in point.readings.values():
            assert reading.text in cells
            assert reading.measurement_id[:12] in " ".join(read.texts["code"])
    assert "none of these fits" in cells
    assert [row["data-point"] for row in read.of("tr") if "data-point" in row] == list("01234")
    assert len([box for box in read.of("input") if "data-device" in box]) == 4


def test_nothing_is_loaded_and_the_browser_is_told_so() -> None:
    read, text = page(), render_page(frontier(), "kl")
    (policy,) = (one["content"] for one in read.of("meta") if one.get("http-equiv") == "Content-Security-Policy")

    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        content = read.texts[tag][-1]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    loaded = [value for _, found in read.elements for name, value in found.items() if name in ("src", "href", "style")]
    assert set(loaded) == {"data:,", "#rows"}
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|WebSocket|import\(", text)
    assert set(re.findall(r"https?://[^\s\"'<)]*", text)) == {"http://www.w3.org/2000/svg"}


def test_a_hostile_name_stays_text() -> None:
    text, read = render_page(hostile(), "kl"), page(hostile())

    assert not read.of("img")
    assert len(read.of("script")) == 2
    name = HOSTILE.rpartition("/")[2]
    assert any(name in cell for cell in read.texts["th"])
    assert name in {point["name"] for point in json.loads(read.texts["script"][0])["points"]}
    assert "<img" not in text


def test_json_in_a_script_can_end_nothing() -> None:
    value = {"a": "</script><!--<script>\u2028\u2029&", "b": "\ud800"}

    assert not set("<>&\u2028\u2029") & set(embedded(value))
    assert json.loads(embedded(value)) == {**value, "b": "?"}


@pytest.mark.parametrize("metric", METRICS)
def test_a_page_begins_with_what_it_is_asked_for(metric: str) -> None:
    assert json.loads(Read(render_page(frontier(), metric)).texts["script"][0])["metric"] == metric


def test_the_same_frontier_is_the_same_page() -> None:
    assert render_page(frontier(), "kl") == render_page(frontier(), "kl")
