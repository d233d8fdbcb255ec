"""What the commands of `./nanum` share: the two consoles, progress on the screen, errors as one sentence."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, TypeVar

import click
from rich.console import Console

from deploy.local import Installation, InstallationError
from deploy.local.config import Progress
from services.chassis.cli import Tools

Result = TypeVar("Result")
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class Commands(Tools):
    """Shows an error of the installation, or of a service's tool, as one clear text, not as a traceback."""

    def invoke(self, context: click.Context) -> object:
        """Run the command that was given."""
        try:
            return super().invoke(context)
        except InstallationError as error:
            raise click.ClickException(str(error)) from None

    def on_home(
        self, name: str | None = None, installed: bool = True
    ) -> Callable[[Callable[..., None]], click.Command]:
        """A command that is given the installation, which has to be there unless not ``installed``."""

        def register(function: Callable[..., None]) -> click.Command:
            @functools.wraps(function)
            def run(*given: Any, **options: Any) -> None:
                function(installation_here(installed), *given, **options)

            return self.command(name)(run)

        return register


def installation_here(installed: bool = True) -> Installation:
    """The installation that the command line names. Raises InstallationError when it has to be there and is not."""
    installation = click.get_current_context().find_object(Installation)
    assert installation
    if installed and not installation.exists:
        raise InstallationError("Nothing is installed here yet: run `./nanum up`.")
    return installation


def watched(title: str, work: Callable[[Progress], Result]) -> Result:
    """Do the work while its steps are shown, each with the seconds since the beginning."""
    began = time.monotonic()
    with err.status(f"{title} ..."):

        def progress(step: str) -> None:
            err.print(f"[green]✓[/] {step} [dim]{time.monotonic() - began:.1f} s[/]")

        return work(progress)
