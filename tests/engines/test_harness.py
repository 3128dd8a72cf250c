import sys
from types import SimpleNamespace

import pytest

from mlxkit.core.errors import IntegrityError, MlxkitError, NotFoundError, PlanError
from mlxkit.engines import harness
from mlxkit.engines.harness import Library, Metric

TASKS = ["arc_easy", "gsm8k", "gsm_plus", "hellaswag"]


class Examinee:
    """A model that encodes letters as their numbers, finds likely what is short, and says what it was asked."""

    name, has_template, context_tokens, prefix_id = "owner/some", True, 16, 7

    def __init__(self):
        self.asked = []
        self.weighed = []

    def encode(self, text, *, is_whole):
        return [*([] if is_whole else [self.prefix_id]), *map(ord, text)]

    def written(self, messages, *, answering):
        return "".join(message["content"] for message in messages) + "?" * answering

    def likelihoods(self, pairs):
        self.weighed.append([(list(given), list(follows)) for given, follows in pairs])
        return [(-float(len(follows)), False) for _, follows in pairs]

    def continued(self, asked):
        self.asked += asked
        return ["".join(map(chr, tokens)) for tokens, _, _ in asked]


class Base:
    """What a model of the library stands on."""

    tokenizer_name = property()
    eot_token_id = property()


def fake(evaluate):
    return Library(
        version="0.4.99",
        model=Base,
        task_manager=lambda: SimpleNamespace(all_tasks=TASKS),
        evaluate=evaluate,
        windows=lambda tokens, prefix, most: [([prefix], tokens[:most]), (tokens[:most], tokens[most:])],
    )


def results(**changes):
    samples = [
        {"doc_id": 1, "filter": "none", "acc": 1.0, "f1": 0.5, "doc_hash": "b", "target_hash": "y"},
        {"doc_id": 0, "filter": "none", "acc": 0.0, "f1": 0.25, "doc_hash": "a", "target_hash": "x"},
        {"doc_id": 0, "filter": "strict", "acc": 1, "doc_hash": "a", "target_hash": "x"},
        {"doc_id": 1, "filter": "strict", "acc": 1, "doc_hash": "b", "target_hash": "y"},
    ]
    figures = {
        "alias": "gsm8k",
        "sample_len": 2,
        "acc,none": 0.5,
        "acc_stderr,none": 0.25,
        "acc,strict": 1.0,
        "acc_stderr,strict": 0.0,
        "f1,none": 0.375,
        "f1_stderr,none": "N/A",
        "broken,none": float("nan"),
    }
    return {
        "results": {"gsm8k": figures},
        "samples": {"gsm8k": samples},
        "versions": {"gsm8k": 3.0},
        "n-shot": {"gsm8k": 5},
        "n-samples": {"gsm8k": {"original": 9, "effective": 2}},
        "higher_is_better": {"gsm8k": {"acc": True, "f1": None}},
        **changes,
    }


def examine(evaluate, task="gsm8k", examinee=None, **options):
    return harness.examine(task, examinee or Examinee(), fake(evaluate), **options)


def request(*args):
    return SimpleNamespace(args=args)


def test_without_the_extra_it_is_one_sentence_with_what_to_type():
    try:
        import lm_eval  # noqa: F401
    except ImportError:
        pass
    else:
        pytest.skip("lm-evaluation-harness is installed")

    with pytest.raises(MlxkitError, match=r"^lm-evaluation-harness is not installed\.$") as caught:
        harness.library()

    assert caught.value.hint == "pip install 'mlxkit[tasks]'"


@pytest.mark.parametrize(
    ("task", "hint"), [("gsm9k", "did you mean gsm8k"), ("zzzzzz", "lm_eval ls tasks"), ("no.yaml", "lm_eval ls tasks")]
)
def test_an_unknown_task_is_one_sentence_with_what_is_like_it(task, hint):
    with pytest.raises(NotFoundError, match=f"There is no task '{task}'") as caught:
        examine(lambda **_: results(), task)

    assert hint in caught.value.hint


def test_a_yaml_file_is_a_task(tmp_path):
    (tmp_path / "some.yaml").write_text("task: some")

    assert examine(lambda **_: results(), str(tmp_path / "some.yaml")).metrics


def test_figures_are_told_with_their_errors_and_each_documents_answer():
    found = examine(lambda **_: results())

    assert found.metrics == (
        Metric("gsm8k", "acc", "none", 0.5, 0.25, 2, is_higher_better=True, flags=(False, True)),
        Metric("gsm8k", "acc", "strict", 1.0, 0.0, 2, is_higher_better=True, flags=(True, True)),
        Metric("gsm8k", "f1", "none", 0.375, None, 2, is_higher_better=None, flags=()),
    )
    assert (found.versions, found.shots) == ({"gsm8k": "3.0"}, {"gsm8k": 5})
    assert (found.has_template, found.library) == (True, "0.4.99")


def test_the_digest_is_of_documents_and_what_is_expected():
    plain = examine(lambda **_: results()).digests["gsm8k"]
    samples = results()["samples"]["gsm8k"]

    assert examine(lambda **_: results(samples={"gsm8k": samples[::-1]})).digests["gsm8k"] == plain
    others = [{**sample, "target_hash": "z"} for sample in samples]
    assert examine(lambda **_: results(samples={"gsm8k": others})).digests["gsm8k"] != plain


def test_a_group_has_its_figures_too():
    found = examine(lambda **_: results(groups={"all": {"alias": "all", "acc,none": 0.5, "sample_len": 2}}))

    assert found.metrics[0] == Metric("all", "acc", "none", 0.5, None, 2, is_higher_better=None, flags=())
    assert len(found.metrics) == 4


def test_no_figures_are_an_error():
    with pytest.raises(MlxkitError, match="gave no figures"):
        examine(lambda **_: results(results={"gsm8k": {"alias": "gsm8k"}}))


def test_it_is_asked_for_one_task_and_what_it_prints_is_no_result(capsys):
    told = {}

    def evaluate(**options):
        told.update(options)
        sys.stdout.write("a table")
        return results()

    examine(evaluate, limit=3)

    assert (told["tasks"], told["apply_chat_template"], told["limit"]) == (["gsm8k"], True, 3)
    assert told["task_manager"].all_tasks == TASKS
    assert capsys.readouterr().out == ""


def test_what_fails_in_it_is_one_sentence_and_our_own_errors_stay():
    def fails(**_):
        raise ConnectionError("Couldn't reach\n'some/data'")

    def ours(**_):
        raise IntegrityError("It is broken.")

    with pytest.raises(MlxkitError, match="cannot run 'gsm8k': ConnectionError: Couldn't reach 'some/data'") as caught:
        examine(fails)
    assert "Hub" in caught.value.hint
    with pytest.raises(IntegrityError):
        examine(ours)


def model_of(examinee):
    told = {}
    examine(lambda model, **_: told.update(model=model) or results(), examinee=examinee)
    return told["model"]


def test_text_is_generated_up_to_what_the_task_says():
    examinee = Examinee()
    model = model_of(examinee)
    options = [{"until": ["\n", ""], "max_gen_toks": 9}, {"until": "x", "max_tokens": 4}, {"do_sample": False}]
    options.append({"do_sample": True, "temperature": 0.0, "until": None})

    assert model.generate_until([request("ab", each) for each in options]) == ["ab"] * 4
    assert [(stop, most) for _, stop, most in examinee.asked] == [(("\n",), 9), (("x",), 4), ((), 256), ((), 256)]


def test_a_task_that_draws_its_answers_is_refused():
    with pytest.raises(PlanError, match="drawn at random"):
        model_of(Examinee()).generate_until([request("ab", {"do_sample": True, "temperature": 0.8})])


def test_what_a_template_wrote_gets_no_tokens_around_it():
    templated, plain = Examinee(), Examinee()
    plain.has_template = False

    assert model_of(templated).tok_encode("a") == [97]
    assert model_of(plain).tok_encode("a") == [7, 97]
    assert model_of(plain).tok_encode("a", add_special_tokens=False) == [97]
    assert model_of(templated).apply_chat_template([{"role": "user", "content": "a"}]) == "a?"
    assert model_of(templated).apply_chat_template([{"role": "user", "content": "a"}], False) == "a"
    assert model_of(templated).tokenizer_name == "owner__some"
    assert model_of(templated).eot_token_id == 7


def test_likelihoods_are_passed_on():
    asked = [(("a", "bc"), [1], [2, 3])]

    assert model_of(Examinee())._loglikelihood_tokens(asked, disable_tqdm=True) == [(-2.0, False)]


def test_a_long_text_is_weighed_in_windows_of_the_context():
    examinee = Examinee()

    assert model_of(examinee).loglikelihood_rolling([request("a" * 20), request("b" * 17)]) == [-20.0, -17.0]
    sizes = [(len(given), len(follows)) for given, follows in examinee.weighed[0]]
    assert sizes == [(1, 16), (16, 4), (1, 16), (16, 1)]
