"""The `yard` command: its grammar, `yard <noun> <verb>`, and its exit code."""

import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from yard import old_names
from yard.commands import (
    dataset,
    dataset_check,
    dev,
    job,
    job_compare,
    job_list,
    job_logs,
    job_results,
    job_submit,
    job_watch,
    login,
    model,
    model_jobs,
    model_predict,
    model_registry,
    model_serve,
    token,
    trainer,
    trainer_add,
    weights,
)
from yard.console import out, show_error
from yard.errors import EXIT_CODES, Code, YardError, local_error

_EVERYDAY, _RESOURCES = "Everyday commands", "Resources"

app = typer.Typer(
    cls=old_names.RootGroup,
    help="Trainyard: train vision models on your own machines.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        out.print(version("trainyard-cli"))
        raise typer.Exit


def _noun(
    name: str,
    text: str,
    verbs: Mapping[str, Callable[..., Any]],
    group: type[TyperGroup] = TyperGroup,
) -> None:
    """Add a noun with its verbs."""
    commands = typer.Typer(help=text, no_args_is_help=True, cls=group)
    for verb, command in verbs.items():
        commands.command(verb)(command)
    app.add_typer(commands, name=name, rich_help_panel=_RESOURCES)


_noun(
    "dataset",
    "Check, upload and look up datasets.",
    {
        "list": dataset.list_datasets,
        "show": dataset.show,
        "check": dataset_check.check,
        "push": dataset.push,
        "delete": dataset.delete,
    },
)
_noun(
    "job",
    "Submit, watch and control trainings.",
    {
        "list": job_list.list_jobs,
        "show": job.show,
        "submit": job_submit.submit,
        "watch": job_watch.watch,
        "results": job_results.results,
        "compare": job_compare.compare,
        "edit": job.edit,
        "finish": job.finish,
        "cancel": job.cancel,
        "retry": job.retry,
        "delete": job.delete,
        "logs": job_logs.logs,
    },
    old_names.JobGroup,
)
_noun(
    "model",
    "Download, run, evaluate, export and register trained models.",
    {
        "list": model_registry.list_models,
        "show": model_registry.show,
        "pull": model.pull,
        "predict": model_predict.predict,
        "serve": model_serve.serve,
        "eval": model_jobs.evaluate,
        "export": model_jobs.export,
        "register": model_registry.register,
        "promote": model_registry.promote,
        "rollback": model_registry.rollback,
    },
)
_noun(
    "trainer",
    "Look up trainers, and add your own.",
    {
        "list": trainer.list_trainers,
        "show": trainer.show,
        "new": trainer_add.new,
        "add": trainer_add.add,
        "remove": trainer_add.remove,
    },
)
_noun(
    "weights",
    "Keep weights that jobs start from.",
    {"list": weights.list_weights, "push": weights.push, "delete": weights.delete},
)
_noun(
    "token",
    "Make and revoke API tokens.",
    {"create": token.create, "list": token.list_tokens, "revoke": token.revoke},
)
_noun(
    "context",
    "Choose the server that commands ask.",
    {"list": login.list_contexts, "use": login.use, "delete": login.delete},
)
app.command("dev", rich_help_panel=_EVERYDAY, context_settings={"allow_interspersed_args": False})(
    dev.dev
)
app.command(
    "train",
    rich_help_panel=_EVERYDAY,
    short_help="Train on a dataset: short for `yard job submit`.",
)(job_submit.submit)
app.command(
    "watch",
    rich_help_panel=_EVERYDAY,
    short_help="Follow a job to its end: short for `yard job watch`.",
)(job_watch.watch)
app.command(
    "logs", rich_help_panel=_EVERYDAY, short_help="Print a job's log: short for `yard job logs`."
)(job_logs.logs)
app.command("login", rich_help_panel=_EVERYDAY)(login.login)
old_names.add_to(app)


@app.callback()
def root(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Trainyard: train vision models on your own machines."""


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        app()
    except YardError as error:
        show_error(error)
        sys.exit(error.code)
    except BrokenPipeError:
        # The reader of stdout has closed it, e.g. `| head`.
        sys.stderr.close()
        sys.exit(Code.OK)
    except OSError as error:
        show_error(local_error(error))
        sys.exit(Code.LOCAL)
