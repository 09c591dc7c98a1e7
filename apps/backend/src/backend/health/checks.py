"""What the backend leans on, and whether it holds."""

import asyncio
from collections.abc import Awaitable

from backend import schema
from backend.context import Context

TIMEOUT_S = 2.0


# Without the others, jobs are accepted and wait.
NEEDED = frozenset({"database", "store"})


async def run(context: Context) -> dict[str, str]:
    """Ask everything at once; takes at most `TIMEOUT_S`.

    Returns:
        By name "ok", or what is wrong and which setting to look at.
    """
    settings = context.settings
    executor = "launcher" if settings.training_mode == "subprocess" else "kubernetes"
    checks = {
        "database": _result("The database (DATABASE_URL)", schema.check(context.db)),
        "store": _result(f"The object store at {settings.s3_endpoint}", context.store.check()),
        "temporal": _result(f"Temporal at {settings.temporal_address}", context.temporal.check()),
        executor: _result(
            f"The executor (TRAINING_MODE={settings.training_mode})", context.executor.list()
        ),
    }
    return dict(zip(checks, await asyncio.gather(*checks.values()), strict=True))


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
