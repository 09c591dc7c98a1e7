"""The application: builds the context, mounts the routes, runs the background tasks."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi_offline import FastAPIOffline
from starlette.middleware.exceptions import ExceptionMiddleware

from backend.artifacts.routes import router as artifacts
from backend.auth import service as auth
from backend.auth.routes import router as tokens
from backend.callbacks.heartbeats import HeartbeatIngest
from backend.callbacks.logs import LogIngest
from backend.callbacks.routes import callbacks
from backend.callbacks.routes import router as callback_router
from backend.callbacks.sender import know_all
from backend.catalog import TrainerCatalog
from backend.context import Context
from backend.datasets.routes import router as datasets
from backend.executors.create import create_executor
from backend.health.checks import Checks
from backend.health.routes import platform
from backend.health.routes import router as health
from backend.infra import problem_handlers
from backend.infra.asgi import RequestMiddleware
from backend.infra.database import Database
from backend.infra.mlflow import Mlflow
from backend.infra.object_store import ObjectStore, ObjectStoreError
from backend.infra.retry import always, every, forever
from backend.infra.wakeups import WakeupBus
from backend.jobs.routes import attached
from backend.jobs.routes import router as jobs
from backend.models.routes import router as models
from backend.orchestration.background import background
from backend.settings import Settings
from backend.state import migrate
from backend.temporal.client import Temporal
from backend.trainers.routes import router as trainers
from backend.weights.routes import router as weights

logger = logging.getLogger(__name__)

TAGS = [
    {"name": "datasets", "description": "Upload a zip, have it checked, train on it."},
    {"name": "jobs", "description": "Trainings: submit, follow, cancel, retry."},
    {"name": "artifacts", "description": "Files that a job left: the model, plots, results."},
    {"name": "models", "description": "Registered models, and their way to an alias. MLflow's."},
    {"name": "tokens", "description": "Who may use the API. For administrators."},
    {"name": "trainers", "description": "What jobs can run, with the schema of its config."},
    {"name": "callbacks", "description": "For trainers, with the token of their attempt."},
    {"name": "health", "description": "For probes and Prometheus."},
]


def create_app(settings: Settings) -> FastAPI:
    """The whole backend as an ASGI application.

    Raises:
        ValueError: the trainers' manifests are wrong, or a setting asks for what this version cannot
            do.
    """
    # /docs comes with its script: a cluster without the internet shows it too.
    app = FastAPIOffline(
        redoc_url=None,
        # No exporter is configured; skip the telemetry of each request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        title="Trainyard",
        version="1",
        summary="Submit trainings of vision models and follow them.",
        description="Errors are problem details (RFC 9457); their `detail` says what to do.",
        openapi_tags=TAGS,
        lifespan=_running,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.context = context = _context(settings)
    app.state.heartbeat_ingest = HeartbeatIngest(context)
    app.state.log_ingest = LogIngest(context)
    app.state.senders, app.state.strangers = set(), asyncio.Semaphore(8)
    app.state.checks = Checks(context)
    app.state.tokens = auth.Tokens(context)
    _mount(app, settings)
    if settings.api_auth == "on":
        app.add_middleware(auth.TokenMiddleware, tokens=app.state.tokens)
        app.add_middleware(ExceptionMiddleware, handlers=problem_handlers.HANDLERS)
    app.add_middleware(RequestMiddleware, callbacks=callbacks, settings=settings)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["X-Log-Offset", "X-Log-Complete", "Location"],
        )
    # A page whose name leads to this address (DNS rebinding) comes under its own name.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=settings.allowed_hosts)
    problem_handlers.install(app)
    return app


def _context(settings: Settings) -> Context:
    redis_url = settings.redis_url
    return Context(
        settings=settings,
        db=Database(settings.database_url),
        store=ObjectStore(settings),
        bus=WakeupBus(redis_url.get_secret_value() if redis_url else None),
        mlflow=Mlflow(settings.mlflow_tracking_uri, settings.mlflow_login),
        trainers=TrainerCatalog(settings.trainers_dir),
        executor=create_executor(settings),
        temporal=Temporal(settings),
    )


def _mount(app: FastAPI, settings: Settings) -> None:
    errors = problem_handlers.documented(401, 403, 404, 409, 413, 422, 429, 503)
    # With API_AUTH=off the document asks for no token either.
    guards = [auth.documented] if settings.api_auth == "on" else []
    users = APIRouter(dependencies=guards, responses=errors)
    routers = datasets, jobs, attached, artifacts, trainers, weights, models, tokens, platform
    for router in routers:
        users.include_router(router)
    app.include_router(users)
    app.include_router(callback_router, responses=errors)
    app.include_router(health)


@asynccontextmanager
async def _running(app: FastAPI) -> AsyncIterator[None]:
    """Run the background tasks for as long as the application serves."""
    context: Context = app.state.context
    work = {
        "bus": context.bus.run,
        "lag": context.lag.run,
        "heartbeats": app.state.heartbeat_ingest.run,
        "output": app.state.log_ingest.run,
    }
    tasks = [asyncio.create_task(always(name, run)) for name, run in work.items()]
    tasks.append(asyncio.create_task(_once_ready(app, context)))
    try:
        yield
    finally:
        context.bus.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await context.store.close()
        await context.db.close()
        await context.mlflow.close()


async def _once_ready(app: FastAPI, context: Context) -> None:
    """Wait for the database, then do what needs it. Until then /readyz says what is missing."""
    await migrate.wait(context.db)
    logger.info("the database is ready")
    async with asyncio.TaskGroup() as group:
        group.create_task(
            forever("waiting for the object store", ObjectStoreError, context.store.ensure_buckets)
        )
        work = {
            "senders": lambda: know_all(app),
            "tokens": lambda: every(auth.NOTE_USES_S, app.state.tokens.note_uses),
        }
        for name, run in (work | background(context)).items():
            group.create_task(always(name, run))
