"""Health checks of the backend's dependencies."""

import asyncio
import math
import time
from collections.abc import Awaitable, Mapping
from typing import Annotated

from fastapi import Depends, Request

from backend.context import Context
from backend.infra.metrics import DEPENDENCY_UP
from backend.state import migrate

TIMEOUT_S = 2.0
# Results are cached this long across all callers: probes, pages, Prometheus.
CACHE_S = 1.0

# Without these nothing can be accepted.
REQUIRED = frozenset({"database", "store"})
# Jobs run without these: live updates lag, and MLflow is brought up to date later.
OPTIONAL = frozenset({"redis", "mlflow"})


class Checks:
    """Asks everything at once, at most once in `CACHE_S`, and shows the answers to Prometheus."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = asyncio.Lock()
        self._looked_at = -math.inf
        self._found: Mapping[str, str] = {}
        # Whether all that is needed was there once.
        self.was_ready = False

    async def run(self) -> Mapping[str, str]:
        """By name "ok", or what is wrong and which setting to look at. Takes at most `TIMEOUT_S`."""
        async with self._lock:
            if time.monotonic() - self._looked_at >= CACHE_S:
                self._found = await self._look()
                self._looked_at = time.monotonic()
                self.was_ready |= all(self._found[name] == "ok" for name in REQUIRED)
                for name, result in self._found.items():
                    DEPENDENCY_UP.labels(name).set(result == "ok")
            return self._found

    async def _look(self) -> dict[str, str]:
        ctx, settings = self._context, self._context.settings
        executor = f"The executor (TRAINING_MODE={ctx.executor.name})"
        checks = {
            "database": _result("The database (DATABASE_URL)", migrate.check(ctx.db)),
            "store": _result(f"The object store at {settings.s3_endpoint}", ctx.store.check()),
            "temporal": _result(f"Temporal at {settings.temporal_address}", ctx.temporal.check()),
            ctx.executor.service: _result(executor, ctx.executor.check()),
            "trainers": _result("The manifests (TRAINERS_DIR)", ctx.trainers.check()),
        }
        if settings.redis_url is not None:
            checks["redis"] = _result("Redis (REDIS_URL)", ctx.bus.check())
        if uri := settings.mlflow_tracking_uri:
            checks["mlflow"] = _result(f"MLflow at {uri} (MLFLOW_TRACKING_URI)", ctx.mlflow.check())
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


async def get_checks(request: Request) -> Checks:
    checks: Checks = request.app.state.checks
    return checks


TheChecks = Annotated[Checks, Depends(get_checks)]
