"""Background tasks: the Temporal worker, the monitor, the repairs and the mirror to MLflow."""

from collections.abc import Awaitable, Callable

from backend.context import Context
from backend.datasets.service import SWEEP_UPLOADS_S, sweep_uploads
from backend.infra.retry import every
from backend.orchestration.activities import activities
from backend.orchestration.monitor import watch
from backend.orchestration.repairs import SWEEP_S, start_workflows, sweep_forever
from backend.tracking.mirror import mirror_forever


def background(ctx: Context) -> dict[str, Callable[[], Awaitable[None]]]:
    """Endless tasks by name; each may be ended anywhere and started again."""
    tasks: dict[str, Callable[[], Awaitable[None]]] = {
        "worker": lambda: ctx.temporal.run_worker(activities(ctx)),
        "monitor": lambda: watch(ctx),
        "sweep": lambda: sweep_forever(ctx),
        "workflows": lambda: every(SWEEP_S, start_workflows, ctx),
        "uploads": lambda: every(SWEEP_UPLOADS_S, sweep_uploads, ctx),
    }
    if ctx.settings.mlflow_tracking_uri is not None:
        tasks["mirror"] = lambda: mirror_forever(ctx)
    return tasks
