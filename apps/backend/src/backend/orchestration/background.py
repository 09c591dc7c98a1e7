"""Background tasks: the Temporal worker, the monitor, the repairs and the mirror to MLflow."""

from collections.abc import Awaitable, Callable

from backend.context import Context
from backend.datasets.service import sweep_uploads_forever
from backend.orchestration.activities import activities
from backend.orchestration.monitor import watch
from backend.orchestration.repairs import start_workflows_forever, sweep_forever
from backend.tracking.mirror import mirror_forever


def background(ctx: Context) -> dict[str, Callable[[], Awaitable[None]]]:
    """Endless tasks by name; each may be ended anywhere and started again."""
    tasks: dict[str, Callable[[], Awaitable[None]]] = {
        "worker": lambda: ctx.temporal.run_worker(activities(ctx)),
        "monitor": lambda: watch(ctx),
        "sweep": lambda: sweep_forever(ctx),
        "workflows": lambda: start_workflows_forever(ctx),
        "uploads": lambda: sweep_uploads_forever(ctx),
    }
    if ctx.settings.mlflow_tracking_uri is not None:
        tasks["mirror"] = lambda: mirror_forever(ctx)
    return tasks
