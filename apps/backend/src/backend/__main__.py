"""`python -m backend serve | migrate | token create NAME`."""

import argparse
import asyncio
import gc
import socket
import sys

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from backend.app import create_app
from backend.auth.service import create_token
from backend.infra import log_format
from backend.infra.database import Database
from backend.infra.http_limits import LimitedProtocol
from backend.settings import DatabaseSettings, Settings
from backend.state import migrate

GRACE_S = 3
BACKLOG = 2048
# Longer than the pause between a trainer's heartbeats, or each would need a new connection: most of
# all while the replica is late, when they are a minute apart.
KEEP_ALIVE_S = 75


class Server(uvicorn.Server):
    """Ends the live streams before it waits for open requests; they would never end by themselves."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        app: FastAPI = self.config.app  # type: ignore[assignment]
        app.state.context.bus.close()
        await super().shutdown(sockets)


_IMPOSSIBLE = {
    "serve": "The backend cannot start:",
    "migrate": "The database's schema cannot be made the newest:",
    "token": "The token cannot be made:",
}


def main() -> int:
    arguments = _parser().parse_args()
    log_format.configure()
    what = _IMPOSSIBLE[arguments.command]
    try:
        if arguments.command == "serve":
            _serve(Settings(), arguments.host, arguments.port)
        else:
            print(asyncio.run(_change_database(**vars(arguments))))  # noqa: T201
    except ValidationError as error:
        return _fail(what, *_wrong_settings(error))
    except ValueError as error:
        return _fail(what, str(error))
    except (OSError, DBAPIError) as error:
        return _fail(what, f"{error}", "Is the database up, and does DATABASE_URL name it?")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m backend", description="Trainyard's backend.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="serve the API and work off trainings")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8000)
    commands.add_parser("migrate", help="bring the database's schema to the newest version")
    tokens = commands.add_parser("token", help="API tokens")
    token = tokens.add_subparsers(dest="action", required=True)
    create = token.add_parser("create", help="make an administrator's API token and print it, once")
    create.add_argument("name")
    return parser


def _serve(settings: Settings, host: str, port: int) -> None:
    public = settings.public_port
    if port == public:
        raise ValueError(f"PUBLIC_PORT is {port}, as --port, which trainers use. Choose another.")
    app = create_app(settings)
    # With 10,000 jobs a full garbage collection takes 0.2 s, and ran about once a second.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 100)
    listens = [uvicorn_config(app, host, each) for each in (port, public) if each is not None]
    Server(listens[0]).run([config.bind_socket() for config in listens])


def uvicorn_config(app: FastAPI, host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=LimitedProtocol,
        # Twice the trainers that one replica carries; further ones are answered 503.
        limit_concurrency=20_000,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # what a client claims of itself is no address of it
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=KEEP_ALIVE_S,
    )


async def _change_database(command: str, name: str = "", **_: str) -> str:
    migrates = command == "migrate"
    database = Database(DatabaseSettings().database_url, migrates=migrates)
    try:
        if migrates:
            await migrate.migrate(database)
            return "The database's schema is the newest."
        await migrate.check(database)
        return (await create_token(database, name))[1]
    finally:
        await database.close()


def _wrong_settings(error: ValidationError) -> list[str]:
    return [
        f"{'_'.join(str(part) for part in item['loc']).upper() or 'Settings'}: "
        f"{item['msg'].removeprefix('Value error, ')}"
        for item in error.errors(include_input=False, include_url=False)
    ]


def _fail(*lines: str) -> int:
    print(*lines, sep="\n  ", file=sys.stderr)  # noqa: T201
    return 2


if __name__ == "__main__":
    sys.exit(main())
