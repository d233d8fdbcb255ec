"""The command line behind `./nanum`. Each command is a few lines; the work is in `deploy.local`."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table

from deploy.local import Installation, InstallationError, doctor, programs, status
from deploy.local.installation import Progress
from deploy.local.processes import ROOT, SERVICES
from deploy.local.subscriptions import KINDS, Subscription
from deploy.local.tokens import ROLES

Result = TypeVar("Result")
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class Commands(click.Group):
    """Shows an error of the installation as one clear text, not as a traceback."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except InstallationError as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=Commands)
@click.option("--home", type=click.Path(path_type=Path), default=ROOT / ".nanum", show_default=".nanum")
@click.pass_context
def cli(context: click.Context, home: Path) -> None:
    """Run a sharing centre on this machine: `up` starts everything, `demo` shows what it does."""
    context.obj = Installation(home)


@cli.command()
@click.pass_obj
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


@cli.command()
@click.pass_obj
def down(installation: Installation) -> None:
    """Stop everything; the data stays."""
    watched("Stopping Nanum", lambda _progress: installation.down())
    out.print("Nanum is down. Its data stays; `./nanum up` starts it again.")


@cli.command("status")
@click.pass_obj
def show_status(installation: Installation) -> None:
    """Show every process; the exit code is 1 if one is down."""
    rows = status.rows(installed(installation))
    table = Table("process", "state", "pid", "port", "memory", box=None, pad_edge=False)
    for row in rows:
        state = row.state if row.up else f"[red]{row.state}[/]"
        table.add_row(row.name, state, str(row.pid or ""), str(row.port), f"{row.memory:.0f} MiB" if row.pid else "")
    table.add_row("", "", "", "", f"{sum(row.memory for row in rows):.0f} MiB")
    out.print(table)
    sys.exit(0 if all(row.up for row in rows) else 1)


@cli.command()
@click.pass_obj
def url(installation: Installation) -> None:
    """Print the address of the gateway."""
    click.echo(installed(installation).url)


@cli.command()
@click.argument("process", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on showing what comes.")
@click.option("-n", "--lines", default=50, show_default=True, help="How many lines to begin with.")
@click.pass_obj
def logs(installation: Installation, process: str | None, follow: bool, lines: int) -> None:
    """Show the end of the logs, of one process or of all."""
    directory = installed(installation).home / "logs"
    files = sorted(directory.glob("*.log")) if process is None else [directory / f"{process}.log"]
    if not files or not files[0].exists():
        known = ", ".join(sorted(file.stem for file in directory.glob("*.log")))
        raise InstallationError(f"There is no log of {process!r}: use {known}.")
    # -F goes on with the new file when the log is rotated.
    subprocess.run(["tail", "-n", str(lines), *(["-F"] if follow else []), *map(str, files)])


@cli.command()
@click.argument("role", type=click.Choice(ROLES))
@click.option("--subject", help="Whom the token speaks for, such as a resident's id.")
@click.pass_obj
def token(installation: Installation, role: str, subject: str | None) -> None:
    """Print a bearer token, good for 12 hours."""
    click.echo(installed(installation).token(role, subject))


@cli.command()
@click.argument("name", required=False)
@click.option(
    "--service", "services", multiple=True, type=click.Choice(SERVICES), help="Only this one; repeat for more."
)
@click.option("--kind", type=click.Choice(KINDS), default="stream", show_default=True)
@click.option("--list", "listed", is_flag=True, help="Show who subscribed.")
@click.option("--renew", metavar="NAME", help="Give NAME a new password.")
@click.option("--remove", metavar="NAME", help="End the subscription NAME.")
@click.pass_obj
def subscribe(
    installation: Installation,
    name: str | None,
    services: tuple[str, ...],
    kind: str,
    listed: bool,
    renew: str | None,
    remove: str | None,
) -> None:
    """Let the analyst NAME read the events, under pseudonyms of their own: docs/analytics.md."""
    if sum(map(bool, (name, listed, renew, remove))) != 1:
        raise click.UsageError("Give a NAME, or one of --list, --renew NAME, --remove NAME.")
    if listed:
        for each in installed(installation).subscriptions:
            out.print(f"{each.name}  {each.kind}  {' '.join(each.services)}")
    elif remove:
        watched("Ending the subscription", lambda _progress: installed(installation).unsubscribe(remove))
        out.print(f"{remove} is subscribed no more: the user and the queues are deleted. Tokens expire by themselves.")
    elif renew:
        told(installation, *watched("Renewing", lambda _progress: installed(installation).renew(renew)))
    else:
        made = watched(
            "Subscribing", lambda _progress: installed(installation).subscribe(str(name), kind, services or SERVICES)
        )
        told(installation, *made)


def told(installation: Installation, subscription: Subscription, password: str) -> None:
    """All that the analyst has to know; the password can't be shown again."""
    offset = '  (with the consumer argument x-stream-offset: "first")' if subscription.kind == "stream" else ""
    queues = "\n".join(f"  {subscription.stash(service).name}" for service in subscription.services)
    out.print(f"""
[bold]{subscription.name} may read[/]
{queues}{offset}

  NANUM_AMQP_URL={installation.rabbitmq.analyst_url(subscription, password)}
  NANUM_URL={installation.url}
  NANUM_TOKEN={installation.token("analyst", subscription.name)}

The password is shown this once. The token is for GET /v1/events/SERVICE, and good for 12 hours;
`./nanum token analyst --subject {subscription.name}` makes another. How to read: docs/analytics.md, examples/.
""")


@cli.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def reset(installation: Installation, yes: bool) -> None:
    """Stop everything and delete all its data, settings and secrets."""
    if not yes:
        click.confirm(f"Delete {installation.home} with every event, resident and secret in it?", abort=True)
    watched("Deleting", lambda _progress: installation.remove())
    out.print("Everything is deleted. `./nanum up` starts anew.")


@cli.command("doctor")
@click.pass_obj
def show_findings(installation: Installation) -> None:
    """Examine packages, disk, ports, secrets and servers; the exit code is 1 if something is to be done."""
    findings = list(doctor.examine(installation))
    for finding in findings:
        out.print(f"[green]ok[/]   {finding.text}" if finding.fine else f"[red]no[/]   {finding.text}")
    sys.exit(0 if all(finding.fine for finding in findings) else 1)


@cli.command()
@click.argument("action", type=click.Choice(["stop", "start", "wipe"]))
@click.pass_obj
def broker(installation: Installation, action: str) -> None:
    """Stop or start the broker, or wipe it: stop it, delete its data, start it."""
    act = {
        "stop": installation.broker_stop,
        "start": installation.broker_start,
        "wipe": installation.broker_wipe,
    }[action]
    watched(f"Broker: {action}", lambda _progress: act())
    out.print(
        {"stop": "The broker is down.", "start": "The broker is up.", "wipe": "The broker is up, and empty."}[action]
    )


@cli.command()
@click.argument("process")
@click.pass_obj
def kill(installation: Installation, process: str) -> None:
    """kill -9 a process; the supervisor starts it again."""
    out.print(f"{process} ({installed(installation).kill(process)}) is killed.")


@cli.command()
@click.argument("process")
@click.pass_obj
def stop(installation: Installation, process: str) -> None:
    """Stop one process."""
    installed(installation).stop(process)
    out.print(f"{process} is down until `./nanum start {process}`.")


@cli.command()
@click.argument("process")
@click.pass_obj
def start(installation: Installation, process: str) -> None:
    """Start one process and wait until it is ready."""
    watched(f"Starting {process}", lambda progress: installed(installation).start(process, progress))


@cli.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []})
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def test(args: tuple[str, ...]) -> None:
    """Run the tests, all of them or as the given arguments of pytest say."""
    paths = () if any(Path(arg.partition("::")[0]).exists() for arg in args) else ("tests",)
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *paths, *args])


@cli.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []})
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def simulate(args: tuple[str, ...]) -> None:
    """Simulate the centre under faults, many histories long; --help shows how."""
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "tests.simulation", *args])


@cli.command()
@click.option("--minutes", default=10.0, show_default=True, help="How long the load is under fire.")
@click.option("--seed", type=int, help="The order of the draws; another one each time when none is given.")
@click.option("--faults", type=int, help="Stop after so many faults.")
@click.option("--kind", "kinds", multiple=True, help="Of these kinds alone; may be given several times.")
@click.option("--every", nargs=2, type=float, default=(1.9, 2.9), show_default=True, help="Seconds between two faults.")
@click.option("--pace", default=48.0, show_default=True, help="Commands per second, at most.")
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / ".chaos", show_default=".chaos")
@click.option("--publish", is_flag=True, help="Write the report to docs/ as well.")
@click.option("--keep", is_flag=True, help="Keep the installation of the drill, to look at it.")
def chaos(output: Path, publish: bool, **plan: Any) -> None:
    """Play faults against an installation of its own under load; the exit code is 1 if a promise was broken."""
    from tests.chaos.command import main  # the drill lives with the tests

    sys.exit(main(output, ROOT / "docs" if publish else None, plan, lambda step: out.print(f"[green]✓[/] {step}")))


@cli.command()
@click.pass_obj
def demo(installation: Installation) -> None:
    """Play the main job over HTTP and tell it step by step."""
    from deploy.demo import main  # the story is told by a module of its own, which only this command needs

    if not installation.supervisor.running:
        raise InstallationError("Nanum is not running here: start it with `./nanum up`.")
    sys.exit(main(installation.url, {role: installation.token(role) for role in ROLES}))


@cli.command()
@click.argument("service", type=click.Choice(SERVICES))
@click.argument("views", nargs=-1)
@click.option("--back", is_flag=True, help="Swap the tables of before the last rebuild in again.")
@click.pass_obj
def rebuild(installation: Installation, service: str, views: tuple[str, ...], back: bool) -> None:
    """Build a service's views anew from the first fact, and swap them in while readers go on."""
    sys.exit(programs.tool(installed(installation), "rebuild", service, *views, *(["--back"] if back else [])))


@cli.command()
@click.argument("service", type=click.Choice(SERVICES), required=False)
@click.pass_obj
def verify(installation: Installation, service: str | None) -> None:
    """Compare every view with the fold of its facts; the exit code is 1 if anything differs."""
    codes = [programs.tool(installed(installation), "verify", each) for each in ([service] if service else SERVICES)]
    sys.exit(max(codes))


@cli.command()
@click.argument("service", type=click.Choice(SERVICES))
@click.argument("args", nargs=-1)
@click.pass_obj
def parked(installation: Installation, service: str, args: tuple[str, ...]) -> None:
    """Facts that wait for a human: list | show SOURCE POS | retry [SOURCE STREAM] | drop SOURCE POS."""
    sys.exit(programs.tool(installed(installation), "parked", service, *args))


@cli.command()
@click.argument("service", type=click.Choice(SERVICES))
@click.argument("action", type=click.Choice(["list", "replay", "purge"]), default="list")
@click.pass_obj
def dead(installation: Installation, service: str, action: str) -> None:
    """Messages that were no facts: list them, give them to their followers once more, or purge them."""
    sys.exit(programs.tool(installed(installation), "dead", service, action))


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def backup(installation: Installation, file: Path) -> None:
    """Write all data into one file; the desk goes on meanwhile."""
    watched(f"Backing up into {file}", lambda progress: installed(installation).backup(file, progress))
    out.print(f"Everything is in {file}. It holds personal data: keep it as safe as the database.")


@cli.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def restore(installation: Installation, file: Path, yes: bool) -> None:
    """Put a backup in the place of all data, under new epochs."""
    if not yes:
        click.confirm(f"Replace all data of {installation.home} by {file}?", abort=True)
    watched(f"Restoring {file}", lambda progress: installed(installation).restore(file, progress))
    out.print("Restored. `./nanum verify` proves it; analysts see a new epoch and start anew.")


def installed(installation: Installation) -> Installation:
    if not installation.exists:
        raise InstallationError("Nothing is installed here yet: run `./nanum up`.")
    return installation


def watched(title: str, work: Callable[[Progress], Result]) -> Result:
    """Do the work while its steps are shown, each with the seconds since the beginning."""
    began = time.monotonic()
    with err.status(f"{title} ...") as spinner:

        def progress(step: str) -> None:
            err.print(f"[green]✓[/] {step} [dim]{time.monotonic() - began:.1f} s[/]")
            spinner.update(f"{title} ...")

        return work(progress)


if __name__ == "__main__":
    cli(prog_name="./nanum")
