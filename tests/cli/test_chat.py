from pathlib import Path

import pytest
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from mlxkit.cli.chat import chat, in_fence, unfenced
from mlxkit.core.checkpoint import Checkpoint
from mlxkit.usecases.run import Conversation, RunPlan
from tests.fakes.chat_model import write_chat_model
from tests.fakes.speaker import EOS, Clock, FakeSpeaker
from tests.fakes.terminal import Terminal

CTRL_C, CTRL_D, ALT_ENTER = "\x03", "\x04", "\x1b\r"


@pytest.fixture
def talk(capsys):
    """Type keys at a fake speaker; return it with what was printed."""

    def typed(keys: str, *answers, quiet=False, with_system=True):
        clock = Clock()
        speaker = FakeSpeaker(*answers, clock=clock, with_system=with_system)
        checkpoint = Checkpoint("fake", Path("fake"), {"model_type": "fake"}, {})
        with create_pipe_input() as keyboard:
            keyboard.send_text(keys)
            keyboard.close()  # a test that forgets to leave must not wait for ever
            conversation = Conversation(RunPlan("fake"), checkpoint, speaker, clock)
            chat(conversation, quiet=quiet, source=keyboard, screen=DummyOutput())
        printed = capsys.readouterr()
        return speaker, printed.out, printed.err

    return typed


def test_turns_are_remembered(talk):
    speaker, out, err = talk(f"one\rtwo\r{CTRL_D}", ["a", EOS], ["b", EOS])
    assert speaker.rows == ["<user>one<assistant>", "<user>one<assistant>a<user>two<assistant>"]
    assert out == "a\nb\n"
    assert err.count("tok/s") == 4
    assert "Note: It is a fake." in err


def test_quiet_leaves_the_answers_alone(talk):
    _, out, err = talk("one\r/exit\r", ["a", EOS], quiet=True)
    assert out == "a\n"
    assert not err.strip()


def test_clear_forgets(talk):
    speaker, _, err = talk(f"one\r/clear\rtwo\r{CTRL_D}", ["a", EOS], ["b", EOS])
    assert speaker.rows[1] == "<user>two<assistant>"
    assert "Forgotten." in err


def test_system_is_set_shown_and_removed(talk):
    keys = f'/system\r/system be brief\rone\r/system ""\rtwo\r{CTRL_D}'
    speaker, _, err = talk(keys, ["a", EOS], ["b", EOS])
    assert speaker.rows == ["<system>be brief<user>one<assistant>", "<user>one<assistant>a<user>two<assistant>"]
    assert err.count("There is no system prompt.") == 2
    assert "System prompt: be brief" in err


def test_stats_tell_of_the_last_answer(talk):
    _, _, err = talk(f"/stats\rone\r/stats\r{CTRL_D}", ["a", "b", EOS])
    before, after = err.split("Nothing was said yet.")
    assert "First token after" not in before
    assert "First token after" in after


def test_an_unknown_command_is_told_and_not_sent(talk):
    speaker, _, err = talk(f"/sistem be brief\r {'/etc is a folder'}\r{CTRL_D}", ["a", EOS])
    assert "There is no command /sistem." in err
    assert speaker.rows == ["<user>/etc is a folder<assistant>"]


def test_help_names_every_command(talk):
    _, _, err = talk("/help\r/EXIT\r")
    assert all(word in err for word in ("/help", "/clear", "/system", "/stats", "/exit"))


def test_lines_are_sent_together(talk):
    keys = f'a{ALT_ENTER}b\r\x1b[200~c\r\nd\x1b[201~\r"""\re\r\rf\r"""\r{CTRL_D}'
    speaker, _, _ = talk(keys, [EOS], [EOS], [EOS])
    assert [row.rsplit("<user>", 1)[1] for row in speaker.rows] == [
        "a\nb<assistant>",
        "c\nd<assistant>",
        "e\n\nf<assistant>",
    ]


def test_nothing_is_not_sent(talk):
    speaker, out, _ = talk(f"\r  \r{CTRL_D}")
    assert speaker.rows == []
    assert out == ""


def test_ctrl_c_ends_an_answer_and_not_the_chat(talk):
    speaker, out, err = talk(f"one\rtwo\r{CTRL_D}", ["a", KeyboardInterrupt()], ["b", EOS])
    assert out == "a\nb\n"
    assert speaker.rows[1] == "<user>one<assistant>a<user>two<assistant>"
    assert "interrupted" in err


def test_ctrl_c_at_the_prompt_drops_the_line_and_then_says_how_to_leave(talk):
    speaker, _, err = talk(f"dropped{CTRL_C}{CTRL_C}one\r{CTRL_D}", ["a", EOS])
    assert speaker.rows == ["<user>one<assistant>"]
    assert err.count("/exit leaves the chat") == 1


def test_an_error_ends_the_turn_and_not_the_chat(talk):
    keys = f'/system no\rone\r/system ""\rtwo\r{CTRL_D}'
    speaker, _, err = talk(keys, ["a", EOS], with_system=False)
    assert "Error: The chat template of 'fake' fails" in err
    assert "Hint: leave the system prompt out" in err
    assert speaker.rows == ["<user>two<assistant>"]


@pytest.mark.parametrize(
    ("text", "inside", "sent"),
    [
        ("plain", False, "plain"),
        ('"""', True, '"""'),
        ('"""a', True, '"""a'),
        ('"""a"""', False, "a"),
        ('"""\na\nb\n"""', False, "a\nb"),
        ('""""""', False, ""),
        ('a """', False, 'a """'),
    ],
)
def test_fences(text, inside, sent):
    assert in_fence(text) == inside
    assert unfenced(text) == sent


def test_on_a_terminal(tmp_path):
    folder = write_chat_model(tmp_path / "model")
    with Terminal(["run", str(folder), "--max-tokens", "50000"]) as terminal:
        terminal.expect(">>> ")
        terminal.type("hello\r")
        terminal.expect("\r\n")
        terminal.expect("O")  # the answer has begun, and would take a minute
        terminal.type(CTRL_C)
        terminal.expect("interrupted")
        terminal.expect(">>> ")
        terminal.type("/stats\r")
        terminal.expect("Ended by")
        terminal.expect("you")
        terminal.expect(">>> ")
        terminal.type(CTRL_D)
        assert terminal.ended() == 0
        assert "Traceback" not in terminal.text


def test_a_terminal_that_hangs_up_ends_it(tmp_path):
    folder = write_chat_model(tmp_path / "model")
    with Terminal(["run", str(folder)]) as terminal:
        terminal.expect(">>> ")
        terminal.close()
        assert terminal.process.wait(10) != 1
