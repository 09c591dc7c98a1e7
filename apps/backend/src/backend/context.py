"""What every request and background task works with, built once in `app.py`."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from backend.db import Database
from backend.events import Bus
from backend.settings import Settings
from backend.storage.store import Store
from backend.trainers.catalog import TrainerCatalog
from backend.training.executor import Executor
from backend.training.temporal import Temporal


@dataclass(frozen=True)
class Context:
    settings: Settings
    db: Database
    store: Store
    bus: Bus
    trainers: TrainerCatalog
    executor: Executor
    temporal: Temporal


async def get_context(request: Request) -> Context:  # FastAPI hands what is not async to a thread
    context: Context = request.app.state.context
    return context


Ctx = Annotated[Context, Depends(get_context)]
