"""What every command shares: the options before the command's name, the registry they open, the context they act in."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from agematch import config
from agematch.i18n import _
from agematch.records import Context

if TYPE_CHECKING:
    from agematch.registry import Registry

Command = TypeVar("Command", bound=Callable[..., object])
FORMATS = ("table", "json", "jsonl", "html")
ATTENTION = 3


@dataclass(frozen=True)
class Invocation:
    """The options that stand before the command's name."""

    registry: str | None
    key_file: str | None
    actor: str | None
    purpose: str
    debug: bool

    @property
    def path(self) -> Path:
        """Return the registry's folder: the one named, or the default one."""
        return Path(self.registry) if self.registry else default_registry()

    @property
    def key_path(self) -> Path:
        """Return the key file: the one named, or the default one."""
        return Path(self.key_file) if self.key_file else default_key_file()

    @property
    def context(self) -> Context:
        return Context(actor=self.actor or account(), purpose=self.purpose)

    @contextmanager
    def open(self) -> Iterator[Registry]:
        """Open the registry with its key file, or with a passphrase asked for on the terminal."""
        from agematch.registry import Registry

        with Registry.open(
            self.path,
            key_file=self.key_path,
            ask_passphrase=ask_passphrase,
            context=self.context,
            settings=config.load(self.path, os.environ),
        ) as registry:
            yield registry


def default_registry() -> Path:
    from platformdirs import user_data_path

    return user_data_path("agematch", appauthor=False) / "registry"


def default_key_file() -> Path:
    from platformdirs import user_config_path

    return user_config_path("agematch", appauthor=False) / "registry.key"


def account() -> str:
    """Return the name of the user's account, "unknown" where the system has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"


def ask_passphrase() -> str | None:
    """Ask for the registry's passphrase on the terminal; None where there is none to ask on."""
    if not sys.stdin.isatty():
        return None
    return str(click.prompt(_("Passphrase of the registry"), hide_input=True, err=True))


def output_format(*allowed: str, default: str = "table") -> Callable[[Command], Command]:
    """Add `--format` with the formats that a command offers."""
    return click.option(
        "--format",
        "output",
        type=click.Choice(allowed or FORMATS),
        default=default,
        show_default=True,
        help=_("How to print the data."),
    )


def sighting_facts(command: Command) -> Command:
    """Add the options that say what is known of a found child: `--sighting` and the columns of sightings.csv."""
    options = [
        click.option(
            "--sighting", "sighting_id", help=_("Id of the sighting; all photos then show the same child.")
        ),
        click.option("--taken-on", help=_("When the photo was taken: 2019-06-01, 2019-06 or 2019.")),
        click.option("--sex", help=_("female, male or unknown; also f, m, 女, 男.")),
        click.option("--age-min", help=_("The found child is at least so old, in years.")),
        click.option("--age-max", help=_("The found child is at most so old, in years.")),
        click.option("--place", help=_("Where the child was found.")),
        click.option("--source", help=_("orphanage, street, police, hospital, school, self or other.")),
        click.option("--held-at", help=_("Where the child is now, and who can act.")),
        click.option("--basis", help=_("On what ground the photo is searched.")),
    ]
    for option in reversed(options):
        command = option(command)
    return command
