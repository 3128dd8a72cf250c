from hypothesis import given
from hypothesis import strategies as st

from mlxkit.core.stopping import StopMatcher

LETTERS = st.text("ab", max_size=30)
STOP = st.text("ab", min_size=1, max_size=5)


def chunked(draw, text: str) -> list[str]:
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def let_out(matcher: StopMatcher, pieces: list[str]) -> str:
    return "".join([*map(matcher.feed, pieces), matcher.finish()])


@given(st.data(), LETTERS, STOP)
def test_one_stop_string_partitions_the_text_however_it_comes(data, text, stop):
    matcher = StopMatcher([stop])
    before, found, _ = text.partition(stop)
    assert let_out(matcher, chunked(data.draw, text)) == before
    assert matcher.matched == bool(found)


@given(st.data(), LETTERS, st.lists(STOP, min_size=1, max_size=4))
def test_of_several_the_first_to_be_complete_counts_and_the_longest_of_those(data, text, stops):
    expected = text
    for end in range(len(text) + 1):
        complete = [stop for stop in stops if text[:end].endswith(stop)]
        if complete:
            expected = text[: end - max(map(len, complete))]
            break
    assert let_out(StopMatcher(stops), chunked(data.draw, text)) == expected


@given(st.data(), LETTERS, st.lists(STOP, min_size=1, max_size=4))
def test_no_part_of_a_stop_string_is_let_out_before_it_is_known(data, text, stops):
    matcher, out, fed = StopMatcher(stops), "", ""
    for piece in chunked(data.draw, text):
        out, fed = out + matcher.feed(piece), fed + piece
        begun = max((size for stop in stops for size in range(len(stop)) if fed.endswith(stop[:size])), default=0)
        assert matcher.matched or out == fed[: len(fed) - begun]


def test_without_stop_strings_everything_passes_at_once():
    matcher = StopMatcher()
    assert [matcher.feed("a"), matcher.feed(""), matcher.feed("b")] == ["a", "", "b"]
