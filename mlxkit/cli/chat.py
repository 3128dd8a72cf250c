"""A chat on a terminal: lines are edited here, commands begin with a slash, and Ctrl-C ends an answer, not the chat."""

import os
from collections.abc import Callable

import click
from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import Output

from mlxkit.cli.answers import statistics, stream
from mlxkit.cli.asking import aside, say_error, say_notes
from mlxkit.core.errors import MlxkitError
from mlxkit.render.text import render_text
from mlxkit.usecases.run import Conversation

FENCE = '"""'
HELP = """\
/help         this list
/clear        forget what was said; the system prompt stays
/system TEXT  set the system prompt for the turns to come; "" removes it, no TEXT shows it
/stats        how the last answer was made
/exit         leave, as does Ctrl-D
Enter sends. Alt-Enter, or Esc and then Enter, begins a new line; between two \"\"\" Enter does too.
Ctrl-C ends an answer. To send a message that begins with a slash, put a space before it."""


class Chat:
    """The words between a user and a conversation.

    Args:
        conversation: with whom.
        quiet: no statistics and no notes.
    """

    def __init__(self, conversation: Conversation, *, quiet: bool) -> None:
        self._conversation = conversation
        self._quiet = quiet
        self._commands: dict[str, Callable[[str], bool]] = {
            "/help": self._help,
            "/clear": self._clear,
            "/system": self._system,
            "/stats": self._stats,
            "/exit": lambda _: True,
            "/quit": lambda _: True,
            "/bye": lambda _: True,
        }

    @property
    def commands(self) -> tuple[str, ...]:
        """What begins with a slash and is understood."""
        return tuple(self._commands)

    def take(self, line: str) -> bool:
        """Do what was typed; return whether the chat is over."""
        if line.startswith("/"):
            word, _, rest = line.partition(" ")
            command = self._commands.get(word.strip().lower(), self._unknown(word))
            return command(rest.strip())
        prompt = unfenced(line.strip())
        if prompt:
            self._ask(prompt)
        return False

    def _ask(self, prompt: str) -> None:
        try:
            result = stream(self._conversation, prompt)
        except KeyboardInterrupt:
            click.echo()
            aside("Interrupted.")
            return
        except MlxkitError as error:
            say_error(error.message, error.hint)
            return
        if not self._quiet:
            aside(statistics(result))
        click.echo(err=True)

    def _help(self, _rest: str) -> bool:
        aside(HELP)
        return False

    def _clear(self, _rest: str) -> bool:
        self._conversation.clear()
        aside("Forgotten.")
        return False

    def _system(self, rest: str) -> bool:
        if rest:
            self._conversation.system = None if rest in ('""', "''") else rest
        aside(
            f"System prompt: {self._conversation.system}" if self._conversation.system else "There is no system prompt."
        )
        return False

    def _stats(self, _rest: str) -> bool:
        last = self._conversation.last
        aside("Nothing was said yet." if last is None else render_text(last.statistics(), width=None, color=False))
        return False

    def _unknown(self, word: str) -> Callable[[str], bool]:
        def tell(_rest: str) -> bool:
            aside(f"There is no command {word}. /help lists them; a space before the slash sends it as a message.")
            return False

        return tell


def chat(conversation: Conversation, *, quiet: bool, source: Input | None = None, screen: Output | None = None) -> None:
    """Talk until Ctrl-D or /exit.

    Args:
        conversation: with whom.
        quiet: no statistics and no notes.
        source: where keys come from; None for the terminal.
        screen: where the line is edited; None for the terminal.
    """
    words = Chat(conversation, quiet=quiet)
    session = line_editor(words.commands, source, screen)
    say_notes(conversation.notes, quiet=quiet)
    while True:
        try:
            line = session.prompt()
        except KeyboardInterrupt:
            aside("Ctrl-D or /exit leaves the chat.")
            continue
        except EOFError:
            return
        if words.take(line):
            return


def line_editor(commands: tuple[str, ...], source: Input | None, screen: Output | None) -> PromptSession[str]:
    """Return the editor of one message: Enter sends, Alt-Enter begins a line, what is pasted keeps its lines."""
    color = not os.environ.get("NO_COLOR")
    hint = FormattedText([("ansibrightblack" if color else "", "A message, or /help")])
    return PromptSession(
        message=FormattedText([("bold" if color else "", ">>> ")]),
        prompt_continuation="... ",
        # The hint goes when the line does: it is not part of what was said.
        placeholder=lambda: "" if get_app().is_done else hint,
        multiline=True,
        key_bindings=_keys(),
        completer=WordCompleter(list(commands), sentence=True),
        complete_while_typing=False,
        input=source,
        output=screen,
    )


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def send(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if in_fence(buffer.text):
            buffer.insert_text("\n")
        elif buffer.text.strip():
            buffer.validate_and_handle()
        else:
            buffer.reset()

    @keys.add("escape", "enter")
    def new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @keys.add("c-c")
    def drop(event: KeyPressEvent) -> None:
        if event.current_buffer.text:
            event.current_buffer.reset()
        else:
            event.app.exit(exception=KeyboardInterrupt, style="class:aborting")

    return keys


def in_fence(text: str) -> bool:
    '''Return whether a message began with `"""` and has not ended with it yet.'''
    text = text.strip()
    return text.startswith(FENCE) and not (len(text) >= 2 * len(FENCE) and text.endswith(FENCE))


def unfenced(text: str) -> str:
    '''Return a message without the `"""` around it.'''
    if text.startswith(FENCE) and not in_fence(text):
        return text[len(FENCE) : -len(FENCE)].strip("\n")
    return text
