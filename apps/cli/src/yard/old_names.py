"""The commands' names before `yard <noun> <verb>`: hidden, but they still work."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from yard.commands import dataset, job, job_list, model, model_predict, train_words, trainer
from yard.options import AsJson, Url


class RootGroup(TyperGroup):
    """`yard`: suggests no hidden command for one that is misspelt, and takes `yolo`'s words."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._hidden = {name: one for name, one in self.commands.items() if one.hidden}
        for name in self._hidden:
            del self.commands[name]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command by its whole name."""
        return super().get_command(ctx, cmd_name) or self._hidden.get(cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that the arguments name, its name and what is left of them."""
        # While the shell completes a line, it is not the place for an error.
        words = args if ctx.resilient_parsing else train_words.of_yolo(args)
        return super().resolve_command(ctx, words)


class JobGroup(TyperGroup):
    """`yard job`, which also takes `yard job JOB` for `yard job show JOB`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Insert `show` unless the first argument is a command or asks for help."""
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["show", *args]
        return super().parse_args(ctx, args)


def add_to(app: typer.Typer) -> None:
    """Add the old names as hidden commands."""
    app.command("datasets", hidden=True)(dataset.list_datasets)
    app.command("jobs", hidden=True)(job_list.list_jobs)
    app.command("cancel", hidden=True)(job.cancel)
    app.command("retry", hidden=True)(job.retry)
    app.command("predict", hidden=True)(model_predict.predict)
    app.command("trainers", hidden=True)(_trainers)
    models = typer.Typer(help="Old name of `yard model`.", no_args_is_help=True)
    models.command("pull")(model.pull)
    app.add_typer(models, name="models", hidden=True)


def _trainers(
    name: Annotated[str | None, typer.Argument()] = None, url: Url = None, as_json: AsJson = False
) -> None:
    """List the trainers, or show one."""
    if name:
        trainer.show(name, url=url, as_json=as_json)
    else:
        trainer.list_trainers(url, as_json)
