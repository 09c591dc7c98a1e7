"""What the backend runs beside its routes, and the executor that the settings ask for."""

from collections.abc import Awaitable, Callable, Mapping

from backend.context import Context
from backend.executors.base import Executor
from backend.executors.subprocess import SubprocessExecutor
from backend.orchestration.activities import activities
from backend.orchestration.monitor import sweep_forever, watch
from backend.orchestration.reconciler import reconcile_forever
from backend.settings import Settings
from backend.tracking.mirror import mirror_forever


def create_executor(settings: Settings) -> Executor:
    """Raise ValueError, with a text for the user, for settings that cannot work."""
    if settings.training_mode == "subprocess":
        assert settings.launcher_socket is not None  # noqa: S101 - the settings have seen to it
        return SubprocessExecutor(settings.launcher_socket)
    assert settings.trainer_job_template is not None  # noqa: S101 - likewise
    # Its client takes a second and 50 MiB to import, and is needed only here.
    from backend.executors.kubernetes.executor import KubernetesExecutor  # noqa: PLC0415

    return KubernetesExecutor(
        settings.trainer_job_template,
        settings.kubernetes_namespace,
        placements=settings.job_placements,
        gpu_resource=settings.gpu_resource,
        grace_s=settings.stop_grace_s,
        unschedulable_after_s=settings.unschedulable_after_s,
    )


def background(ctx: Context) -> Mapping[str, Callable[[], Awaitable[None]]]:
    """Endless tasks by name; each may be ended anywhere and started again."""
    tasks: dict[str, Callable[[], Awaitable[None]]] = {
        "worker": lambda: ctx.temporal.run_worker(activities(ctx)),
        "watch": lambda: watch(ctx),
        "sweep": lambda: sweep_forever(ctx),
        "reconciler": lambda: reconcile_forever(ctx),
    }
    uri = ctx.settings.mlflow_tracking_uri
    if uri is not None:
        tasks["mirror"] = lambda: mirror_forever(ctx, uri)
    return tasks
