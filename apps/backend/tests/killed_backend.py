"""A backend without its routes that kills itself, as `kill -9` would, at the step KILL_AT names.

It is forked from a process that has imported everything: a start takes no second of a core.
"""

import asyncio
import importlib
import os
import signal
from typing import Any

from backend.executors.create import create_executor
from backend.settings import Settings
from training_support import make_context, running, script


def kill_at(step: str) -> None:
    """`before:` or `after:` and the name of a coroutine function, `module:attribute`."""
    when, module_name, path = step.split(":")
    owner = importlib.import_module(module_name)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    original = getattr(owner, name)

    async def replaced(*args: Any, **kwargs: Any) -> Any:
        if when == "after":
            await original(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, replaced)


async def main() -> None:
    if step := os.environ.get("KILL_AT"):
        kill_at(step)
    settings = Settings()
    manifest = script(os.environ["SCRIPT"])
    ctx = await make_context(settings, create_executor(settings), manifest)
    async with running(ctx):
        await asyncio.Event().wait()


def run(env: dict[str, str]) -> None:
    """The process: a backend with these variables."""
    os.environ.update(env)
    asyncio.run(main())
