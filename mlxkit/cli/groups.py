"""Groups of commands, and the commands in them."""

from collections.abc import Iterator, Mapping

import click


class InOrder(click.Group):
    """A group that shows its commands in the order in which they are met, not in that of the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands' names."""
        del ctx
        return list(self.commands)


def leaves(commands: Mapping[str, click.Command], above: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield every command that does something, with the words that are typed for it, such as ``ledger list``."""
    for name, command in commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command.commands, f"{above}{name} ")
        else:
            yield f"{above}{name}", command
