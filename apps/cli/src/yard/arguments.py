"""Arguments that commands share. A shell completes them with what the server knows."""

from typing import Annotated

import typer

from yard import completion

JobId = Annotated[
    str,
    typer.Argument(
        help="A job's id, the beginning of it, or its name.",
        metavar="JOB",
        autocompletion=completion.jobs,
    ),
]
TrainerName = Annotated[
    str, typer.Argument(help="The trainer's name.", autocompletion=completion.trainers)
]
