"""Bars on a terminal: one display for phases of several threads, and none after one of them broke."""

import threading
from io import StringIO

from rich.console import Console

from mlxkit.cli.bars import Bars


def screen() -> tuple[Bars, StringIO]:
    out = StringIO()
    console = Console(file=out, force_terminal=True, width=120, color_system=None, _environ={"TERM": "xterm"})
    return Bars(console), out


def test_phases_side_by_side_have_a_line_each() -> None:
    bars, out = screen()
    both = threading.Barrier(3)

    def work(name: str) -> None:
        with bars.phase(name, 1_000_000, "bytes", done=250_000) as advance:
            advance(250_000)
            both.wait(10)
            both.wait(10)

    with bars.phase("fetching all", 2_000_000, "bytes"):
        threads = [threading.Thread(target=work, args=(f"fetching {name}",)) for name in "ab"]
        for thread in threads:
            thread.start()
        both.wait(10)
        assert bars._display is not None
        bars._display.refresh()
        both.wait(10)
        for thread in threads:
            thread.join(10)

    frame = out.getvalue()
    assert "fetching all" in frame
    for name in "ab":
        line = next(line for line in frame.splitlines() if f"fetching {name}" in line and "0.5/1.0 MB" in line)
        assert "━" in line
    assert frame.endswith("\x1b[?25h") or "\x1b[?25h" in frame[frame.rindex("fetching") :]  # the cursor is back


def test_a_phase_without_an_end_has_no_bar_and_a_count_no_rate() -> None:
    bars, out = screen()

    with bars.phase("comparing", None, "count"), bars.phase("trying", 3, "count") as advance:
        advance(1)
        assert bars._display is not None
        bars._display.refresh()

    lines = out.getvalue().splitlines()
    assert any("comparing" in line and "━" not in line for line in lines)
    assert any("trying" in line and "1/3" in line and "/s" not in line for line in lines)


def test_a_name_from_the_hub_cannot_move_the_cursor() -> None:
    bars, out = screen()

    with bars.phase("fetching \x1b]0;title\x07[bold]x.safetensors", 10, "bytes"):
        assert bars._display is not None
        bars._display.refresh()

    assert "\x1b]0" not in out.getvalue()
    assert "[bold]x.safetensors" in out.getvalue()


def test_the_display_comes_again_for_the_next_phase() -> None:
    bars, out = screen()

    for name in ("first", "second"):
        with bars.phase(name, 10, "bytes"):
            pass

    assert "first" in out.getvalue()
    assert "second" in out.getvalue()
    assert bars._display is None


def test_nothing_is_drawn_after_a_phase_broke() -> None:
    bars, out = screen()
    left_behind = bars.phase("left behind", 10, "bytes")
    whole = bars.phase("all", 10, "bytes")
    whole.__enter__()
    advance = left_behind.__enter__()
    interruption = KeyboardInterrupt()
    assert not whole.__exit__(KeyboardInterrupt, interruption, None)
    drawn = out.getvalue()

    advance(1)
    left_behind.__exit__(None, None, None)
    with bars.phase("later", 10, "bytes") as later:
        later(5)

    assert out.getvalue() == drawn


def test_what_was_found_so_far_stands_beside_the_bar() -> None:
    bars, out = screen()

    with bars.phase("judging", 3, "count") as advance:
        advance(1, "KL 0.012 ± 0.003 nats")
        advance(1)
        assert bars._display is not None
        bars._display.refresh()

    assert any(
        "judging" in line and "2/3" in line and "KL 0.012 ± 0.003 nats" in line for line in out.getvalue().splitlines()
    )
