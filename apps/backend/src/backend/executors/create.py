"""The executor that TRAINING_MODE names."""

from backend.executors.base import Executor
from backend.executors.subprocess import SubprocessExecutor
from backend.settings import Settings


def create_executor(settings: Settings) -> Executor:
    """Raise ValueError, with a text for the user, for settings that cannot work."""
    if settings.training_mode == "subprocess":
        assert settings.launcher_socket is not None  # noqa: S101 - the settings have seen to it
        return SubprocessExecutor(settings.launcher_socket)
    # Its client takes a second and 50 MiB to import, and is needed only here.
    from backend.executors.kubernetes.executor import KubernetesExecutor  # noqa: PLC0415

    return KubernetesExecutor(settings)
