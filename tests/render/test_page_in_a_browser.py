"""The page of a frontier as people use it: in a real browser, by pointer and by keys, dark and narrow too."""

import json
import math
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlxkit.core.measurement import Measurement, Subject
from mlxkit.render.page import render_page
from tests.fakes.cards import judged
from tests.fakes.frontiers import frontier, hostile, measurements

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium, which drives the browser, is not installed")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no Chromium with chromedriver here: apt-get install chromium chromium-driver"
)

SUMMARIES: dict[str, Measurement] = {one.id: one for one in measurements()}


class Page:
    """The page in a browser, and what a user does with it."""

    def __init__(self, driver: Any, path: Path, shots: Path) -> None:
        self.driver = driver
        self.path = path
        self.shots = shots

    def open(self, width: int = 1180, height: int = 900) -> "Page":
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.get(self.path.as_uri())
        return self

    def find(self, selector: str) -> list[Any]:
        return list(self.driver.find_elements("css selector", selector))

    def text(self, selector: str) -> str:
        return str(self.find(selector)[0].text)

    def click(self, selector: str) -> "Page":
        self.find(selector)[0].click()
        return self

    def run(self, script: str) -> Any:
        return self.driver.execute_script(script)

    def hover(self, point: int) -> "Page":
        mark = self.find(f'.point[data-point="{point}"] .mark')[0]
        webdriver.ActionChains(self.driver).scroll_to_element(mark).move_to_element(mark).perform()
        return self

    def press(self, *keys: str) -> "Page":
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()
        return self

    def shot(self, name: str) -> "Page":
        self.driver.save_screenshot(str(self.shots / f"{name}.png"))
        return self

    def faults(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    home = tmp_path_factory.mktemp("browser")
    # Root, as whom containers run tests, gets no sandbox from Chromium; the page is our own.
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    for word in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={home}", *sandbox):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield found
    found.quit()


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shots")


@pytest.fixture
def page(driver: Any, tmp_path: Path, shots: Path) -> Iterator[Page]:
    path = tmp_path / "page.html"
    path.write_text(render_page(frontier(), "kl"), encoding="utf-8")
    found = Page(driver, path, shots).open()
    yield found
    assert not found.faults()


def test_it_draws_every_weights_that_has_the_metric(page: Page) -> None:
    assert [mark.get_attribute("data-point") for mark in page.find(".point")] == ["0", "1", "2", "3"]
    assert page.text("#y-label") == "KL to the original, nats per token, less is better"
    assert len(page.find(".point.uniform rect.mark")) == 1
    assert all(len(mark.find_elements("css selector", ".bar")) == 3 for mark in page.find(".point"))
    page.shot("wide")


def test_hovering_shows_the_details_and_they_are_the_ledgers(page: Page) -> None:
    for number, point in enumerate(frontier().points[:4]):
        details = page.hover(number).text("#details")
        assert page.text("#details h3") == point.name
        for reading in point.readings.values():
            assert reading.text in details
            assert reading.measurement_id[:12] in details
        assert point.machine in details


def test_figures_on_the_page_are_the_ledgers(page: Page) -> None:
    data = json.loads(page.run("return document.getElementById('data').textContent"))
    rows = {row.get_attribute("data-point"): row for row in page.find("#measured tbody tr")}

    for number, point in enumerate(data["points"]):
        cells = rows[str(number)].find_elements("css selector", "td")
        values = {cell.get_attribute("data-value") for cell in cells}
        for reading in point["readings"].values():
            said = SUMMARIES[reading["measurement_id"]].summary[reading["key"]]
            assert reading["value"] == said
            assert repr(said) in values


def test_a_points_height_is_its_value_on_the_axis(page: Page) -> None:
    ticks = page.run(
        "return [...document.querySelectorAll('.y text:not(.heading)')].map((one) =>"
        " [Number(one.textContent), Number(one.getAttribute('y')) - 4])"
    )
    heights = page.run(
        "return [...document.querySelectorAll('.point')].map((one) => one.transform.baseVal[0].matrix.f)"
    )
    values = [point.readings["kl"].value for point in frontier().points[:4]]

    (low, bottom), (high, top) = min(ticks), max(ticks)
    for value, height in zip(values, heights, strict=True):
        share = math.log(value / low) / math.log(high / low)
        assert height == pytest.approx(bottom + share * (top - bottom), abs=0.5)


@pytest.mark.parametrize(
    ("metric", "label", "points"),
    [
        ("top1", "Same most likely token, more is better", 4),
        ("task", "Questions answered, more is better", 5),
        ("speed", "Decode speed, tokens per second, more is better", 5),
    ],
)
def test_another_metric_is_another_axis(page: Page, metric: str, label: str, points: int) -> None:
    page.click(f'[data-metric="{metric}"]')

    assert page.text("#y-label") == label
    assert len(page.find(".point")) == points
    assert page.text('[role="radio"][aria-checked="true"]') == page.text(f'[data-metric="{metric}"]')
    page.shot(metric)


def test_scales_can_be_linear_or_logarithmic(page: Page) -> None:
    before = [one.text for one in page.find(".y text")]

    after = [one.text for one in page.click("#log-y").find(".y text")]
    wide = [one.text for one in page.click("#log-x").find(".x text")]

    assert before != after
    assert page.find("#log-x")[0].is_selected()
    assert wide[-1] == "Size of the weights, kB"


def test_devices_are_drawn_named_and_left_out(page: Page) -> None:
    def drawn() -> list[str]:
        return [one.text for one in page.find(".limit text")]

    assert drawn() == ["Pocket board", "Desk board"]
    assert "Room for far more: Phone." in page.text("#caption")
    assert "S-3.5bpw" in page.text("#devices")

    page.click('[data-device="1"]')
    assert drawn() == ["Desk board"]
    page.click('[data-device="1"]').click('[data-device="3"]')
    assert drawn() == ["Pocket board", "Desk board"]
    assert "Phone" not in page.text("#caption")


def test_keys_go_from_point_to_point(page: Page) -> None:
    right, left, home, end, escape, enter = "\ue014", "\ue012", "\ue011", "\ue010", "\ue00c", "\ue007"
    page.run("document.querySelector('.point[tabindex=\"0\"]').focus()")

    for keys, name in ((home, "S-2.5bpw"), (right, "S-3.5bpw"), (end, "S-4.5bpw"), (left, "S-3bit"), (enter, "S-3bit")):
        page.press(keys)
        assert page.text("#details h3") == name
        assert name in page.run("return document.activeElement.getAttribute('aria-label')")
    page.shot("keys").hover(0)
    assert page.text("#details h3") == "S-3bit"  # what was chosen stays
    page.press(escape).hover(1)
    assert page.text("#details h3") == "S-3.5bpw"
    assert len(page.find('.point[tabindex="0"]')) == 1


def test_all_that_can_be_done_is_reached_with_the_tab_key(page: Page) -> None:
    reached = []
    for _ in range(26):
        page.press("\ue004")
        reached.append(page.run("return document.activeElement.id || document.activeElement.className.baseVal || ''"))

    assert {"theme", "log-x", "log-y"} <= set(reached)
    assert any(name.startswith("point") for name in reached)


def test_dark_is_dark_by_the_system_and_by_the_button(page: Page) -> None:
    def lightness() -> int:
        color = page.run("return getComputedStyle(document.documentElement).backgroundColor")
        return sum(map(int, re.findall(r"\d+", color)))

    light = lightness()
    page.driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    )
    try:
        dark = lightness()
        page.shot("dark").click("#theme")
        chosen = lightness()
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

    assert light > 700
    assert dark < 120
    assert chosen == light
    page.click("#theme")
    assert lightness() == dark


@pytest.mark.parametrize("width", [360, 768])
def test_a_narrow_page_is_never_scrolled_sideways(page: Page, width: int) -> None:
    page.open(width, 1500).shot(f"narrow-{width}")

    assert page.run("return document.documentElement.scrollWidth") <= width
    box = page.find("#chart svg")[0].rect
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width


def test_the_table_is_sorted_by_any_column(page: Page) -> None:
    heading, cells = "#measured th:nth-child(5)", "#measured tbody td:nth-child(5)"
    losses = [0.0081, 0.04, 0.16, 0.21]

    for way, values in (("ascending", losses), ("descending", losses[::-1])):
        page.click(f"{heading} button")
        assert page.find(heading)[0].get_attribute("aria-sort") == way
        found = [cell.get_attribute("data-value") for cell in page.find(cells)]
        assert [float(value) for value in found[:-1]] == values
        assert found[-1] == ""  # what was not measured stands last


def test_weights_that_lost_nothing_are_named_where_the_axis_has_no_place_for_them(page: Page) -> None:
    same = judged(40, 0.0, subject=Subject("8" * 64, "S-bf16"), summary={"size_bytes": 190_000})
    page.path.write_text(render_page(frontier(same), "kl"), encoding="utf-8")
    page.open()

    assert "no place on a logarithmic axis: S-bf16." in page.text("#caption")
    assert len(page.find(".point")) == 4
    assert "S-bf16" not in page.click("#log-y").text("#caption")
    assert len(page.find(".point")) == 5


def test_a_hostile_name_is_text_in_the_browser_too(page: Page) -> None:
    page.path.write_text(render_page(hostile(), "kl"), encoding="utf-8")

    page.open().hover(0)

    assert "onerror=alert(1)" in page.text("#details h3")
    assert not page.find("img")


def test_tables_are_there_without_a_script(page: Page) -> None:
    page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.open()
        assert [one.is_displayed() for one in page.find(".figure, #theme")] == [False, False]
        assert "S-4.5bpw" in page.text("#measured")
        assert "S-3.5bpw" in page.text("#devices")
    finally:
        page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
