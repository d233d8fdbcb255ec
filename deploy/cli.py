"""The command line behind `./nanum`. Each command is a few lines; the work is in `deploy.local`."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import click
from rich.table import Table

from deploy.access import access
from deploy.console import Commands, installation_here, out, watched
from deploy.local import Installation, InstallationError, doctor, programs
from deploy.local.config import ROOT
from services.billing import reconciliation
from services.chassis import cli as chassis
from services.contracts import SERVICES
from services.contracts.tokens import ROLES


@click.group(cls=Commands)
@click.option("--home", type=click.Path(path_type=Path), default=ROOT / ".nanum", show_default=".nanum")
@click.pass_context
def cli(context: click.Context, home: Path) -> None:
    """Run a sharing centre on this machine: `up` starts everything, `demo` shows what it does."""
    context.obj = Installation(home)


@cli.on_home(installed=False)
def up(installation: Installation) -> None:
    """Set up what is missing, start everything, wait until it is ready."""
    changed = watched("Starting Nanum", lambda progress: installation.up(progress=progress))
    out.print("" if changed else "Everything was running already.\n", end="")
    out.print(f"""
[bold]Nanum is ready at {installation.url}[/]

  ./nanum demo                  the main job, told step by step
  ./nanum token desk            a token to call it with (also resident, manager, analyst)
  {installation.url}/docs    every call it answers
  ./nanum status                what runs; ./nanum logs rentals -f shows what it does

  curl -s {installation.url}/v1/categories -H "Authorization: Bearer $(./nanum token desk)"
""")


@cli.on_home(installed=False)
def down(installation: Installation) -> None:
    """Stop everything; the data stays."""
    watched("Stopping Nanum", lambda _progress: installation.down())
    out.print("Nanum is down. Its data stays; `./nanum up` starts it again.")


@cli.on_home("status")
def show_status(installation: Installation) -> None:
    """Show every process; the exit code is 1 if one is down."""
    rows = doctor.rows(installation)
    table = Table("process", "state", "pid", "port", "memory", box=None, pad_edge=False)
    for row in rows:
        state = row.state if row.up else f"[red]{row.state}[/]"
        table.add_row(row.name, state, str(row.pid or ""), str(row.port), f"{row.memory:.0f} MiB" if row.pid else "")
    table.add_row("", "", "", "", f"{sum(row.memory for row in rows):.0f} MiB")
    out.print(table)
    sys.exit(0 if all(row.up for row in rows) else 1)


@cli.on_home()
def url(installation: Installation) -> None:
    """Print the address of the gateway."""
    click.echo(installation.url)


@cli.on_home()
@click.argument("process", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on showing what comes.")
@click.option("-n", "--lines", default=50, show_default=True, help="How many lines to begin with.")
def logs(installation: Installation, process: str | None, follow: bool, lines: int) -> None:
    """Show the end of the logs, of one process or of all."""
    directory = installation.home / "logs"
    files = sorted(directory.glob("*.log")) if process is None else [directory / f"{process}.log"]
    if not files or not files[0].exists():
        known = ", ".join(sorted(file.stem for file in directory.glob("*.log")))
        raise InstallationError(f"There is no log of {process!r}: use {known}.")
    # -F goes on with the new file when the log is rotated.
    subprocess.run(["tail", "-n", str(lines), *(["-F"] if follow else []), *map(str, files)])


@cli.on_home(installed=False)
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(installation: Installation, yes: bool) -> None:
    """Stop everything and delete all its data, settings and secrets."""
    if not yes:
        click.confirm(f"Delete {installation.home} with every event, resident and secret in it?", abort=True)
    watched("Deleting", lambda _progress: installation.remove())
    out.print("Everything is deleted. `./nanum up` starts anew.")


@cli.on_home("doctor", installed=False)
def show_findings(installation: Installation) -> None:
    """Examine packages, disk, ports, secrets and servers; the exit code is 1 if something is to be done."""
    findings = list(doctor.examine(installation))
    for finding in findings:
        out.print(f"[green]ok[/]   {finding.text}" if finding.fine else f"[red]no[/]   {finding.text}")
    sys.exit(0 if all(finding.fine for finding in findings) else 1)


@cli.on_home()
@click.argument("action", type=click.Choice(["stop", "start", "wipe"]))
def broker(installation: Installation, action: str) -> None:
    """Stop or start the broker, or wipe it: stop it, delete its data, start it."""
    watched(f"Broker: {action}", lambda _progress: getattr(installation, f"broker_{action}")())
    out.print(f"The broker is {dict(stop='down', start='up', wipe='up, and empty')[action]}.")


@cli.on_home()
@click.argument("process")
def kill(installation: Installation, process: str) -> None:
    """kill -9 a process; the supervisor starts it again."""
    out.print(f"{process} ({installation.kill(process)}) is killed.")


@cli.on_home()
@click.argument("process")
def stop(installation: Installation, process: str) -> None:
    """Stop one process."""
    installation.stop(process)
    out.print(f"{process} is down until `./nanum start {process}`.")


@cli.on_home()
@click.argument("process")
def start(installation: Installation, process: str) -> None:
    """Start one process and wait until it is ready."""
    watched(f"Starting {process}", lambda progress: installation.start(process, progress))


@cli.on_home()
def demo(installation: Installation) -> None:
    """Play the main job over HTTP and tell it step by step."""
    from deploy.demo import main  # only this command needs HTTP

    installation.require_running()
    sys.exit(main(installation.url, {role: installation.token(role) for role in ROLES}))


@cli.on_home()
@click.argument("service", type=click.Choice(SERVICES), required=False)
def verify(_installation: Installation, service: str | None) -> None:
    """Compare every view of a service, or of all, with the replay of its events; the exit code is 1 if one differs."""
    codes = []
    for each in [service] if service else SERVICES:
        use_settings_of(each)
        try:
            click.get_current_context().invoke(chassis.tools.commands["verify"], name=each, as_json=False)
        except SystemExit as end:
            codes.append(int(end.code or 0))
    sys.exit(max(codes))


def use_settings_of(service: str) -> str:
    """Put the service's settings in this installation into the environment, where the tools read them."""
    os.environ.update(programs.tool_env(installation_here(), service))
    return service


def service_tool(name: str) -> click.Command:
    """A command of the chassis that runs with the settings of the service that it is given."""
    tool = chassis.tools.commands[name]
    parameter = next(each for each in tool.params if each.name == "name")
    parameter.callback = lambda _context, _parameter, service: use_settings_of(service)
    return tool


@cli.on_home()
@click.argument("to", metavar="FILE|DIRECTORY", type=click.Path(path_type=Path))
@click.option("--keep", type=click.IntRange(1), help="Delete all but the newest so many in DIRECTORY.")
@click.option("--days", type=click.FloatRange(0, min_open=True), help="Delete what is older in DIRECTORY.")
def backup(installation: Installation, to: Path, keep: int | None, days: float | None) -> None:
    """Write all data into one file, a new one in a DIRECTORY; the desk goes on meanwhile."""
    file = watched(f"Backing up into {to}", lambda progress: installation.backup(to, progress, keep, days))
    out.print(f"Everything is in {file}. It holds personal data: keep it as safe as the database.")


@cli.on_home()
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.option("--yes", is_flag=True, help="Do not ask.")
def restore(installation: Installation, file: Path, yes: bool) -> None:
    """Put a backup in the place of all data, under new epochs."""
    if not yes:
        click.confirm(f"Replace all data of {installation.home} by {file}?", abort=True)
    made_at = watched(f"Restoring {file}", lambda progress: installation.restore(file, progress))
    out.print("Restored. `./nanum verify` proves it; analysts see a new epoch and start anew.")
    out.print("What the card terminal took or gave back since the backup:")
    compare_payments(made_at - timedelta(hours=1))


@cli.on_home()
@click.option("--since", type=click.DateTime(reconciliation.INSTANTS), help="30 days ago, if not given.")
def reconcile(_installation: Installation, since: datetime | None) -> None:
    """Compare our payments with the card terminal's; the exit code is 1 if a person has to decide about one."""
    compare_payments(since)


def compare_payments(since: datetime | None) -> None:
    """Record, give back or report what the card terminal knows otherwise."""
    use_settings_of("billing")
    click.get_current_context().invoke(reconciliation.main, since=since)


def program(name: str, module: str, summary: str) -> click.Command:
    """A command that becomes another program of these sources, which is given the rest of the command line."""

    @click.argument("args", nargs=-1, type=click.UNPROCESSED)
    def run(args: tuple[str, ...]) -> None:
        os.chdir(ROOT)
        os.execv(sys.executable, [sys.executable, "-m", module, *args])

    passed_on = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
    return click.command(name, help=summary, context_settings=passed_on)(run)


for each in (
    *access.commands.values(),
    *map(service_tool, ("rebuild", "parked", "dead", "resume", "epoch")),
    program("test", "pytest", "Run the tests, all of them or as the given arguments of pytest say."),
    program("simulate", "drills.simulation", "Simulate many histories of the centre under faults; --help shows how."),
    program(
        "mutate", "drills.mutation", "Change the code in many places, one at a time: does a test object? See --help."
    ),
    program("chaos", "drills.chaos", "Play faults against an installation of its own; --help shows how."),
):
    cli.add_command(each)

if __name__ == "__main__":
    cli(prog_name="./nanum")
