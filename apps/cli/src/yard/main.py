"""The `yard` command."""

import sys

import typer

from yard.commands import dataset, dev, job, job_submit, model, model_predict, trainer
from yard.console import show_error
from yard.errors import EXIT_CODES, Code, YardError

app = typer.Typer(
    help="Trainyard: train vision models on your own machines.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("dev", context_settings={"allow_interspersed_args": False})(dev.dev)
app.add_typer(dataset.app, name="dataset")
app.command("datasets")(dataset.list_datasets)
app.command("trainers")(trainer.trainers)
app.command("train")(job_submit.train)
app.command("jobs")(job.jobs)
app.command("job")(job.job)
app.command("logs")(job.logs)
app.command("cancel")(job.cancel)
app.command("retry")(job.retry)
app.add_typer(model.app, name="models")
app.command("predict")(model_predict.predict)


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
