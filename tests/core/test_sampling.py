import pytest

from mlxkit.core.sampling import MAX_TOKENS, Asked, Sampling, settle


@pytest.mark.parametrize(
    ("generation", "temperature"),
    [
        ({}, 0.0),
        ({"temperature": 0.6}, 0.6),
        ({"do_sample": False, "temperature": 0.6}, 0.0),
        ({"do_sample": True}, 1.0),
        ({"do_sample": True, "temperature": 0.6}, 0.6),
    ],
)
def test_the_generation_config_decides_between_greedy_and_sampled(generation, temperature):
    assert settle(generation, Asked()).sampling.temperature == temperature


def test_all_its_values_are_taken():
    generation = {
        "do_sample": True,
        "temperature": 0.6,
        "top_p": 0.95,
        "top_k": 20,
        "min_p": 0.01,
        "repetition_penalty": 1.05,
        "max_new_tokens": 100,
    }
    settled = settle(generation, Asked())
    assert settled.sampling == Sampling(0.6, 0.95, 20, 0.01, 1.05)
    assert settled.max_tokens == 100


def test_what_the_user_asks_for_wins():
    generation = {"do_sample": False, "temperature": 0.6, "top_k": 20, "max_new_tokens": 100}
    settled = settle(generation, Asked(temperature=0.9, top_p=0.5, top_k=3, min_p=0.2, max_tokens=7))
    assert settled.sampling == Sampling(0.9, 0.5, 3, 0.2)
    assert settled.max_tokens == 7
    assert settled.notes == ()


def test_a_filter_without_effect_is_told():
    (note,) = settle({}, Asked(top_p=0.5, top_k=3)).notes
    assert note.startswith("--top-p, --top-k has no effect")


@pytest.mark.parametrize("value", ["hot", -1, float("nan"), float("inf"), True, [0.5], {}])
def test_a_value_that_means_nothing_is_left_out_and_told(value):
    settled = settle({"temperature": value, "max_new_tokens": value}, Asked())
    assert settled.sampling == Sampling()
    assert settled.max_tokens == MAX_TOKENS
    assert "temperature" in settled.notes[0]
