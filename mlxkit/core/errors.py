"""The errors that a user can meet, each one sentence with the next command, a stable code and an exit status.

    MlxkitError                  1  something failed
     +-- PlanError               2  what was asked for contradicts itself
     +-- NotFoundError           1  no such model, file or folder
     +-- CheckpointError         1  the checkpoint is not understood
     |    +-- RemoteCodeError    1  the checkpoint wants its own code to be run
     |    +-- UnknownArchitectureError  1  mlx-lm has no class for it
     +-- HubError                3  the Hub, the network or the sign-in
     +-- DoesNotFitError         4  memory or disk is too small
     +-- GateError               5  a measured value missed its threshold
     +-- IntegrityError          6  a hash, a header, an index or a weight is wrong
     +-- StoppedError         130  the user stopped it

Anything else that is raised is a bug of ours and keeps its traceback.
"""

from typing import ClassVar


class MlxkitError(Exception):
    """An error to be told to the user, not a bug.

    Args:
        message: one sentence: what and which, expected and got. It ends with a full stop.
        hint: what to do next, best a command to type.
    """

    code: ClassVar[str] = "failed"
    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class PlanError(MlxkitError):
    """What was asked for contradicts itself, such as a destination inside its source."""

    code = "usage"
    exit_status = 2


class NotFoundError(MlxkitError):
    """A model, file or folder that was named is not there, or cannot be read."""

    code = "not_found"


class CheckpointError(MlxkitError):
    """The checkpoint is not understood: its config, its architecture, its tokenizer or its quantization."""

    code = "checkpoint"


class RemoteCodeError(CheckpointError):
    """The checkpoint wants code of its own to be run, and that was not allowed."""

    code = "remote_code"


class UnknownArchitectureError(CheckpointError):
    """mlx-lm has no class for the checkpoint's architecture."""

    code = "unknown_architecture"


class HubError(MlxkitError):
    """The Hub, the network or the sign-in stood in the way."""

    code = "hub"
    exit_status = 3


class DoesNotFitError(MlxkitError):
    """Memory or disk is too small for what was asked."""

    code = "does_not_fit"
    exit_status = 4


class GateError(MlxkitError):
    """A measured value missed its threshold."""

    code = "gate"
    exit_status = 5


class IntegrityError(MlxkitError):
    """A hash, a header, an index or a weight is wrong."""

    code = "integrity"
    exit_status = 6


class StoppedError(MlxkitError):
    """The user stopped it, with something to show."""

    code = "interrupted"
    exit_status = 130
