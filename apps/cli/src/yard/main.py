"""The `yard` command."""

import sys

import typer

from yard.commands import datasets, dev, jobs, models, predict, train, trainers
from yard.errors import EXIT_CODES, Code, YardError
from yard.output import show_error

app = typer.Typer(
    help="Trainyard: train vision models on your own machines.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("dev", context_settings={"allow_interspersed_args": False})(dev.dev)
app.add_typer(datasets.app, name="dataset")
app.command("datasets")(datasets.list_datasets)
app.command("trainers")(trainers.trainers)
app.command("train")(train.train)
app.command("jobs")(jobs.jobs)
app.command("job")(jobs.job)
app.command("logs")(jobs.logs)
app.command("cancel")(jobs.cancel)
app.command("retry")(jobs.retry)
app.add_typer(models.app, name="models")
app.command("predict")(predict.predict)


@app.callback()
def root() -> None:
    """Trainyard: train vision models on your own machines."""


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        app()
    except YardError as error:
        show_error(error)
        sys.exit(error.code)
    except BrokenPipeError:
        # The reader of our output has left, e.g. `| head`.
        sys.stderr.close()
        sys.exit(Code.OK)
