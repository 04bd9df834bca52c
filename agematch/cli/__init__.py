"""The command line: the group of commands and the single place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click

from agematch import __version__
from agematch.cli.options import Invocation
from agematch.errors import AgematchError
from agematch.i18n import _

COMMANDS = {
    "init": "init",
    "enrol": "enrol",
    "embed": "embed",
    "search": "search",
    "submit": "submit",
    "status": "status",
    "nightly": "nightly",
    "report": "report",
    "review": "review",
    "faces": "faces",
    "edit": "edit",
    "stats": "stats",
    "advise": "advise",
    "check": "check",
    "models": "models",
    "doctor": "doctor",
    "evaluate": "evaluate",
    "demo": "demo",
}
"""In the order in which a new user meets them; each is a module of this package with a click command `command`."""

INTERRUPTED = 130  # what a shell expects after Ctrl-C
EPILOG = _(
    "Exit codes: 0 done; 1 failed; 2 wrong call; 3 finished, some items need attention; 4 another run holds the lock; "
    "5 check found damage."
)


class Commands(click.Group):
    """Loads a command when it is asked for, so that `--help` is instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"agematch.cli.{COMMANDS[cmd_name]}").command
        return command if isinstance(command, click.Command) else None


HELP = _(
    """Rank, for each photo of a found child, the missing children it may show.

    No result is an identification: a candidate is a lead that two people look at and DNA confirms.

    \b
    A first look, with photos of adult public figures:
      agematch demo
    Your own cases:
      agematch init
      agematch enrol cases.csv
      agematch search found-child.jpg
    """
)


@click.group(
    cls=Commands,
    help=HELP,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--registry",
    type=click.Path(file_okay=False),
    envvar="AGEMATCH_REGISTRY",
    help=_("Folder of the registry; also AGEMATCH_REGISTRY. Default: the user's data folder."),
)
@click.option(
    "--key-file",
    type=click.Path(dir_okay=False),
    envvar="AGEMATCH_KEY_FILE",
    help=_("File with the registry's key; also AGEMATCH_KEY_FILE."),
)
@click.option(
    "--actor",
    envvar="AGEMATCH_ACTOR",
    help=_("Who acts, for the audit; also AGEMATCH_ACTOR. Default: the name of the user's account."),
)
@click.option("--purpose", default="", help=_("Why, in a few words, for the audit. No child's name, please."))
@click.option("--debug", is_flag=True, help=_("Show where in the program an error arose."))
@click.version_option(__version__, "--version", message="agematch %(version)s")
@click.pass_context
def group(
    ctx: click.Context,
    registry: str | None,
    key_file: str | None,
    actor: str | None,
    purpose: str,
    debug: bool,
) -> None:
    ctx.obj = Invocation(registry=registry, key_file=key_file, actor=actor, purpose=purpose, debug=debug)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every error that an operator can meet ends here."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    debug = "--debug" in arguments
    try:
        return int(group.main(arguments, prog_name="agematch", standalone_mode=False) or 0)
    except AgematchError as err:
        if debug:
            raise
        _say(_("Error: {text}").format(text=err))
        return err.exit_code
    except click.ClickException as err:
        err.show()
        return err.exit_code
    except (click.Abort, KeyboardInterrupt):
        _say(_("Stopped. Everything that was reported as done is kept; run the same command again to go on."))
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _say(text: str) -> None:
    click.echo(text, err=True)
