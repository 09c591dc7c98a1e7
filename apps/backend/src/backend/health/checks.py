"""What the backend leans on, and whether it holds."""

import asyncio
from collections.abc import Awaitable
from typing import NamedTuple

from backend import schema
from backend.context import Context

TIMEOUT_S = 2.0


class Checks(NamedTuple):
    """Results by name: "ok", or what is wrong and which setting to look at."""

    needed: dict[str, str]
    helpful: dict[str, str]


async def run(context: Context) -> Checks:
    """Ask everything at once; takes at most `TIMEOUT_S`."""
    settings = context.settings
    database, store, temporal, executor = await asyncio.gather(
        _result("The database (DATABASE_URL)", schema.check(context.db)),
        _result(f"The object store at {settings.s3_endpoint}", context.store.check()),
        _result(f"Temporal at {settings.temporal_address}", context.temporal.check()),
        _result(f"The executor (TRAINING_MODE={settings.training_mode})", context.executor.list()),
    )
    executor_name = "launcher" if settings.training_mode == "subprocess" else "kubernetes"
    return Checks(
        needed={"database": database, "store": store},
        helpful={"temporal": temporal, executor_name: executor},
    )


async def _result(what: str, check: Awaitable[object]) -> str:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await check
    except TimeoutError:
        return f"{what} does not answer within {TIMEOUT_S:g} s."
    except Exception as error:  # noqa: BLE001 - whatever is wrong is the answer
        text = str(error) or type(error).__name__
        return text if what.rsplit(maxsplit=1)[-1].strip("()") in text else f"{what}: {text}"
    return "ok"
