from pathlib import Path

import pytest

from mlxkit.core.checkpoint import Checkpoint
from mlxkit.core.errors import CheckpointError, DoesNotFitError, MlxkitError, PlanError
from mlxkit.core.sampling import Asked
from mlxkit.engines import machine, models, store
from mlxkit.usecases.run import Conversation, RunPlan, converse
from tests.fakes.chat_model import write_chat_model
from tests.fakes.checkpoints import QWEN3, write_checkpoint
from tests.fakes.speaker import EOS, PREFILL_SECONDS, STEP_SECONDS, Clock, FakeSpeaker


def begin(*answers, generation=None, with_system=True, **plan) -> tuple[Conversation, FakeSpeaker]:
    clock = Clock()
    speaker = FakeSpeaker(*answers, clock=clock, with_system=with_system)
    checkpoint = Checkpoint("fake", Path("fake"), {"model_type": "fake"}, {}, generation=generation or {})
    return Conversation(RunPlan("fake", **plan), checkpoint, speaker, clock), speaker


def heard(conversation: Conversation, prompt: str) -> tuple[list[str], str]:
    pieces: list[str] = []
    result = conversation.ask(prompt, pieces.append)
    assert "".join(pieces) == result.answer.text
    return pieces, result.answer.finish


def test_an_answer_comes_in_pieces_and_ends_with_an_eos_token():
    conversation, speaker = begin(["1", "9", EOS, "x"])
    assert heard(conversation, "12 + 7 =") == (["1", "9"], "stop")
    assert speaker.rows == ["<user>12 + 7 =<assistant>"]
    assert speaker.closed == 1


def test_its_times_and_tokens_are_measured():
    conversation, _ = begin(["1", "9", EOS])
    data = conversation.ask("12 + 7 =", lambda _: None).data()
    assert data["generation_tokens"] == 3
    assert data["prompt_tokens"] == len("<user>12 + 7 =<assistant>")
    assert data["ttft_seconds"] == PREFILL_SECONDS
    assert data["prompt_tps"] == data["prompt_tokens"] / PREFILL_SECONDS
    assert data["generation_tps"] == 1 / STEP_SECONDS
    assert data["peak_memory_bytes"] == 1000


def test_one_token_has_no_speed():
    conversation, _ = begin([EOS])
    assert conversation.ask("hello", lambda _: None).data()["generation_tps"] is None


def test_the_bound_ends_it():
    conversation, _ = begin("abcdef", asked=Asked(max_tokens=3))
    assert heard(conversation, "go") == (["a", "b", "c"], "length")


def test_a_stop_string_ends_it_and_is_not_said():
    conversation, speaker = begin("one END two", stop=("END",))
    assert heard(conversation, "go") == (["o", "n", "e", " "], "stop_string")
    assert speaker.closed == 1


def test_what_was_held_back_for_a_stop_string_is_said_when_none_comes():
    conversation, _ = begin([*"one EN", EOS], stop=("END",))
    assert heard(conversation, "go") == (["o", "n", "e", " ", "EN"], "stop")


def test_turns_build_on_each_other_until_they_are_cleared():
    conversation, speaker = begin(["a", EOS], ["b", EOS], ["c", EOS], system="be brief")
    for prompt in ("one", "two"):
        conversation.ask(prompt, lambda _: None)
    conversation.clear()
    conversation.ask("three", lambda _: None)
    assert speaker.rows == [
        "<system>be brief<user>one<assistant>",
        "<system>be brief<user>one<assistant>a<user>two<assistant>",
        "<system>be brief<user>three<assistant>",
    ]


def test_an_interruption_ends_the_answer_and_what_was_said_counts():
    conversation, speaker = begin(["a", KeyboardInterrupt()], ["b", EOS])
    result = conversation.ask("one", lambda _: None)
    assert (result.answer.text, result.answer.finish) == ("a", "interrupted")
    assert result.failure is not None
    assert result.failure.exit_status == 130
    conversation.ask("two", lambda _: None)
    assert speaker.rows[1] == "<user>one<assistant>a<user>two<assistant>"


def test_an_interruption_before_the_first_token_leaves_no_turn():
    conversation, speaker = begin([KeyboardInterrupt()], ["b", EOS])
    data = conversation.ask("one", lambda _: None).data()
    assert data["finish_reason"] == "interrupted"
    assert data["ttft_seconds"] is None
    conversation.ask("two", lambda _: None)
    assert speaker.rows[1] == "<user>two<assistant>"


def test_whoever_listens_may_leave_and_the_speaker_is_closed():
    conversation, speaker = begin("abc")

    def leave(_text: str) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        conversation.ask("go", leave)
    assert speaker.closed == 1


def test_a_template_that_refuses_leaves_no_turn():
    conversation, speaker = begin(["a", EOS], with_system=False, system="be brief")
    with pytest.raises(CheckpointError, match="no system"):
        conversation.ask("one", lambda _: None)
    conversation.system = None
    conversation.ask("two", lambda _: None)
    assert speaker.rows == ["<user>two<assistant>"]


def test_raw_is_the_prompt_and_nothing_else():
    conversation, speaker = begin("abc", raw=True, prompt="Once")
    conversation.ask("Once", lambda _: None)
    assert speaker.rows == ["Once"]


def test_a_seed_is_drawn_and_told_when_it_matters():
    greedy, _ = begin([EOS])
    assert greedy.ask("go", lambda _: None).seed is None
    drawn, speaker = begin([EOS], asked=Asked(temperature=1.0))
    assert [drawn.ask("go", lambda _: None).seed] == speaker.seeds
    given, speaker = begin([EOS], asked=Asked(temperature=1.0), seed=5)
    assert [given.ask("go", lambda _: None).seed] == speaker.seeds == [5]


def test_notes_say_what_has_no_effect_and_what_is_odd():
    conversation, _ = begin([EOS], asked=Asked(top_p=0.5))
    assert conversation.notes[0] == "It is a fake."
    assert "--top-p" in conversation.notes[1]


@pytest.mark.parametrize("prompt", ["", " \n\t"])
def test_an_empty_prompt_is_refused(prompt):
    conversation, _ = begin()
    with pytest.raises(PlanError, match="empty"):
        conversation.ask(prompt, lambda _: None)


def test_a_prompt_that_is_no_text_is_refused():
    conversation, _ = begin()
    with pytest.raises(PlanError, match="UTF-8"):
        conversation.ask("\udc80", lambda _: None)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (RunPlan("nowhere", prompt=""), "empty"),
        (RunPlan("nowhere", prompt="a", raw=True, system="b"), "--system"),
        (RunPlan("nowhere", raw=True), "chat template"),
        (RunPlan("nowhere", prompt="a", stop=("x", "")), "stop string"),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused_before_anything_is_read(plan, said):
    with pytest.raises(PlanError, match=said):
        converse(plan)


def test_a_chat_wants_a_template_and_raw_does_not(tmp_path):
    folder = str(write_chat_model(tmp_path / "model"))
    wanted = []

    def load(checkpoint, *, for_chat, trust_remote_code, progress):
        wanted.append((for_chat, trust_remote_code))
        return FakeSpeaker(clock=Clock())

    converse(RunPlan(folder, prompt="hello"), load=load)
    converse(RunPlan(folder, prompt="hello", raw=True, trust_remote_code=True), load=load)
    assert wanted == [(True, False), (False, True)]


def test_what_does_not_fit_is_refused_before_it_is_loaded(source):
    loaded = []

    def load(checkpoint, **_):
        loaded.append(checkpoint.name)
        return FakeSpeaker([EOS], clock=Clock())

    small = machine.Room(1000, "cpu")
    with pytest.raises(DoesNotFitError, match=r"there is 1\.00 kB"):
        converse(RunPlan(str(source)), load=load, read_room=lambda: small)
    assert loaded == []
    converse(RunPlan(str(source), force=True), load=load, read_room=lambda: small)
    assert loaded == [str(source)]


def capped(source, tokens, answer, **plan):
    """A conversation where the memory holds so many tokens, and what it recorded."""
    checkpoint = store.read(str(source), source).sound()
    need = models.needed(checkpoint, context=tokens, batch=1, on_cpu=True, trust_remote_code=False)
    kept = []
    conversation = converse(
        RunPlan(str(source), **plan),
        load=lambda _checkpoint, **_: FakeSpeaker(*answer, clock=Clock()),
        read_room=lambda: machine.Room(need.total_bytes, "cpu"),
        keep=kept.append,
    )
    return conversation, kept


def test_an_answer_ends_where_the_memory_does(tmp_path):
    source = write_checkpoint(tmp_path / "long", {**QWEN3, "max_position_embeddings": 4096})
    conversation, _ = capped(source, 600, ["a" * 4000, "b"])
    (fitting,) = [note for note in conversation.notes if note.startswith("The memory here holds")]
    held = int(fitting.split()[4])
    assert 600 <= held < 1000
    result = conversation.ask("go", lambda _: None)
    assert result.tokens == held
    assert result.is_capped
    assert result.data()["is_bounded_by_memory"]
    assert result.answer.finish == "length"
    with pytest.raises(DoesNotFitError, match=r"What was said has .* the memory here holds") as caught:
        conversation.ask("more", lambda _: None)
    assert "/clear" in caught.value.hint
    conversation.clear()
    assert conversation.ask("go", lambda _: None).answer.text == "b"


def test_the_first_answer_is_kept_beside_what_was_predicted(source):
    conversation, kept = capped(source, 10**6, [["1", EOS], ["2", EOS]])
    assert not any("memory here holds" in note for note in conversation.notes)
    first = conversation.ask("12 + 7 =", lambda _: None)
    conversation.ask("more", lambda _: None)
    (found,) = kept
    checkpoint = store.read(str(source), source).sound()
    need = models.needed(checkpoint, context=first.tokens, batch=1, on_cpu=True, trust_remote_code=False)
    assert found.kind == "memory"
    assert found.summary["peak_memory_bytes"] == 1000
    assert found.summary["predicted_memory_bytes"] == need.total_bytes
    assert found.workload == {"prompt_tokens": first.answer.prompt_tokens, "generated_tokens": 2, "batch": 1}
    assert found.subject.digest == store.form_digest(checkpoint)


def test_an_answer_is_given_though_its_memory_cannot_be_kept(source):
    def fail(_found):
        raise MlxkitError("The ledger cannot be written.")

    load = lambda _checkpoint, **_: FakeSpeaker(["1", EOS], clock=Clock())  # noqa: E731
    conversation = converse(RunPlan(str(source)), load=load, keep=fail)
    assert heard(conversation, "go") == (["1"], "stop")


def test_tokens_beyond_the_models_own_context_are_told(source):
    load = lambda _checkpoint, **_: FakeSpeaker("a" * 300, clock=Clock())  # noqa: E731
    conversation = converse(RunPlan(str(source)), load=load, keep=lambda _: None)
    result = conversation.ask("go", lambda _: None)
    assert result.is_beyond == result.data()["is_beyond_context"] == (result.tokens > result.context)
