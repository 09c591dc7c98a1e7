"""The dependencies of every request and background task, built once in `app.py`."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from backend.catalog import TrainerCatalog
from backend.executors.base import Executor
from backend.infra.database import Database
from backend.infra.loop_lag import LoopLag
from backend.infra.mlflow import Mlflow
from backend.infra.object_store import ObjectStore
from backend.infra.shared_reads import SharedReads
from backend.infra.wakeups import WakeupBus
from backend.settings import Settings
from backend.temporal.client import Temporal


@dataclass(frozen=True)
class Context:
    settings: Settings
    db: Database
    store: ObjectStore
    bus: WakeupBus
    mlflow: Mlflow
    trainers: TrainerCatalog
    executor: Executor
    temporal: Temporal
    reads: SharedReads = field(default_factory=SharedReads)
    lag: LoopLag = field(default_factory=LoopLag)


async def get_context(request: Request) -> Context:  # FastAPI hands what is not async to a thread
    context: Context = request.app.state.context
    return context


Ctx = Annotated[Context, Depends(get_context)]


async def get_user(request: Request) -> str | None:
    """The name of the API token that sends the request; None: the API asks for none."""
    return getattr(request.state, "user", None)


User = Annotated[str | None, Depends(get_user)]
