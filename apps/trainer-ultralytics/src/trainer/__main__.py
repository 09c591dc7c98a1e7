"""The trainer's entry points: `python -m trainer run | launcher | predict | serve | inspect`."""

import argparse
import json
import os
import socket
import sys
from pathlib import Path
from typing import NoReturn

from trainer.messages import WORKS


def main() -> NoReturn:
    """Run the command line; exit without waiting for threads that libraries have started."""
    parser = argparse.ArgumentParser(prog="python -m trainer", description=__doc__)
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="run one attempt, described by the environment")
    run.add_argument("work", nargs="?", choices=WORKS, default="train", help="what to do")
    run.set_defaults(start=_run)
    launcher = commands.add_parser(
        "launcher", help="serve a socket, and fork a supervisor for each attempt"
    )
    launcher.add_argument("--socket", type=Path, required=True, help="unix socket to listen on")
    launcher.add_argument("--state", type=Path, required=True, help="folder of attempts' records")
    launcher.set_defaults(start=_launcher)
    predict = commands.add_parser("predict", help="run a model on images and videos")
    predict.add_argument("--out", type=Path, help="folder for copies with the results drawn in")
    predict.add_argument("--labels", type=Path, help="folder for a dataset with the results")
    predict.add_argument("--batch", type=int, help="images at once; else 16 on a GPU, 1 without")
    predict.add_argument(
        "sources", type=Path, nargs="*", metavar="FILE",
        help="images and videos; else their paths come on standard input, each ended by a NUL",
    )  # fmt: skip
    predict.set_defaults(start=_predict)
    serve = commands.add_parser("serve", help="serve a model by HTTP until SIGTERM")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on")
    serve.add_argument("--port", type=int, default=8100, help="port to listen on")
    serve.add_argument("--fd", type=int, help="a socket that listens already, in place of these")
    serve.add_argument("--max-bytes", type=int, default=32 << 20, help="most bytes of an image")
    serve.add_argument("--queue", type=int, default=32, help="most requests that wait")
    serve.add_argument("--backend", help="the platform's address, of which --model is")
    serve.add_argument("--token-file", type=Path, help="file with a token of its API, if it asks")
    serve.add_argument(
        "--store", help="the object store's address from here, if links have another"
    )
    serve.add_argument("--poll", type=float, default=10, help="seconds between looks at --model")
    serve.set_defaults(start=_serve)
    which = serve.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", help="model:NAME@ALIAS, model:NAME/VERSION or job:ID")
    which.add_argument("--weights", type=Path, help="a trained .pt file")
    predict.add_argument("--weights", type=Path, required=True, help="a trained .pt file")
    for command in (predict, serve):
        command.add_argument("--conf", type=float, default=0.25, help="lowest confidence to show")
        command.add_argument("--imgsz", type=int, help="image size; else as in training")
        command.add_argument("--device", help="a GPU's number, or cpu; else a GPU if there is one")
    inspect = commands.add_parser("inspect", help="print what weights are for, as JSON")
    inspect.add_argument("weights", type=Path, help="a .pt file; none of its code is run")
    inspect.set_defaults(start=_inspect)
    arguments = parser.parse_args()
    code = arguments.start(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _run(arguments: argparse.Namespace) -> int:
    from trainer.contract import Attempt, trainer_home  # noqa: PLC0415 - a command loads its own
    from trainer.supervisor.run_attempt import fresh_folder, run_attempt  # noqa: PLC0415
    from trainer.supervisor.supervisor import SupervisorOptions  # noqa: PLC0415

    try:
        attempt = Attempt.from_env(os.environ)
        home = trainer_home()
    except (ValueError, TypeError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    os.environ["TRAINER_HOME"] = str(home)
    folder = fresh_folder(home / "attempts" / f"{attempt.job_id}-{attempt.number}")
    options = SupervisorOptions(
        folder, work=arguments.work, grace_s=attempt.stop_grace_s, echo_fd=os.dup(1)
    )
    return run_attempt(attempt, options).exit_code or 0


def _launcher(arguments: argparse.Namespace) -> int:
    from trainer.launcher.server import serve  # noqa: PLC0415 - a command loads its own

    return serve(arguments.socket, arguments.state)


def _predict(arguments: argparse.Namespace) -> int:
    from trainer.yolo.predict import PredictOptions, predict  # noqa: PLC0415 - a command loads its own

    given = vars(arguments)
    sources = given.pop("sources") or [
        Path(os.fsdecode(name)) for name in sys.stdin.buffer.read().split(b"\0") if name
    ]
    return predict(
        PredictOptions(**{name: value for name, value in given.items() if name != "start"}), sources
    )


def _serve(arguments: argparse.Namespace) -> int:
    from trainer.contract import trainer_home  # noqa: PLC0415 - a command loads its own
    from trainer.platform_model import PlatformModel  # noqa: PLC0415
    from trainer.yolo.predict import PredictOptions  # noqa: PLC0415
    from trainer.yolo.serve import ServeOptions, serve  # noqa: PLC0415

    told = arguments
    shared = told.fd is not None
    followed = None
    if told.model:
        if not told.backend:
            print("--model needs --backend, the platform's address.", file=sys.stderr)  # noqa: T201
            return 2
        folder = trainer_home() / "served"
        followed = PlatformModel(told.model, told.backend, folder, told.token_file, told.store)
    return serve(
        ServeOptions(
            PredictOptions(
                told.weights or Path(), None, None, told.conf, told.imgsz, 1, told.device
            ),
            socket.socket(fileno=told.fd)
            if shared
            else socket.create_server((told.host, told.port), backlog=1024),
            shared=shared,
            max_bytes=told.max_bytes,
            queue=told.queue,
            followed=followed,
            poll_s=told.poll,
        )
    )


def _inspect(arguments: argparse.Namespace) -> int:
    from trainer.contract import AttemptError, trainer_home  # noqa: PLC0415 - a command loads its own
    from trainer.yolo import offline  # noqa: PLC0415

    offline.prepare(trainer_home())
    offline.load()
    from trainer.yolo.weights import read  # noqa: PLC0415 - Ultralytics is offline from here on

    try:
        task, models, _ = read(arguments.weights, arguments.weights.name)
    except AttemptError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    print(json.dumps({"task": task, "model": models[0] if models else None}))  # noqa: T201
    return 0


if __name__ == "__main__":
    main()
