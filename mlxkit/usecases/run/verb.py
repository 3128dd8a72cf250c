"""From a plan to a conversation with a loaded model."""

import time
from collections.abc import Callable

from mlxkit.core.located import Locate
from mlxkit.core.progress import Progress, Silent
from mlxkit.core.speaking import Load
from mlxkit.engines import machine, models, store
from mlxkit.engines.machine import Room
from mlxkit.usecases.run.conversation import Clock, Conversation
from mlxkit.usecases.run.memory import Keep, Memory, keep
from mlxkit.usecases.run.plan import RunPlan, check

LEAST = 256
"""Tokens without which a conversation is not worth its loading."""


def converse(
    plan: RunPlan,
    *,
    progress: Progress | None = None,
    load: Load = models.load,
    locate: Locate = store.local,
    clock: Clock = time.perf_counter,
    read_room: Callable[[], Room] = machine.read_room,
    keep: Keep = keep,
) -> Conversation:
    """Load a model and begin a conversation with it.

    Args:
        plan: how it is to answer.
        progress: told the bytes of the weights.
        load: makes a speaker of a checkpoint.
        locate: leads from the model's name to its folder.
        clock: seconds, from any start.
        read_room: tells what there is for a model.
        keep: records what an answer took in memory.

    Raises:
        DoesNotFitError: it takes more memory than there is.
        PlanError: what was asked for contradicts itself.
        CheckpointError: a chat template is needed, and there is none.
        MlxkitError: the model cannot be loaded.
    """
    check(plan)
    located = locate(plan.model)
    checkpoint = store.read(plan.model, located.folder).sound()
    room = read_room()
    fitting = None
    if not plan.force:
        trust, on_cpu = plan.trust_remote_code, room.device == "cpu"
        longest = models.demand_room(
            checkpoint, room.limit_bytes, context=LEAST, on_cpu=on_cpu, trust_remote_code=trust
        )
        fitting = longest()
    speaker = load(
        checkpoint,
        for_chat=not plan.raw,
        trust_remote_code=plan.trust_remote_code,
        progress=progress or Silent(),
    )
    memory = Memory(plan, checkpoint, located, room, keep)
    return Conversation(plan, checkpoint, speaker, clock, fitting=fitting, on_first=memory.record)
