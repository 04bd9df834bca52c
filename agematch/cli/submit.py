"""`agematch submit`: photos of found children go into the inbox, with what is known of them."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agematch import config
from agematch.cli.options import ATTENTION, Invocation, output_format, sighting_facts
from agematch.errors import NotFound
from agematch.i18n import _

if TYPE_CHECKING:
    from agematch.config import Settings
    from agematch.jobs.submit import Submission, Submitted

HELP = _(
    """Put photos of found children into the inbox, with what is known of them, for the next night to take in.

    Needs no key, and the photos stay where they are. What cannot be a photo is told at once. Afterwards ask what came
    of a photo with `agematch status PHOTO`.

    \b
    Examples:
      agematch submit found.jpg
      agematch submit --taken-on 2019-06 --sex f --place 杭州 --source orphanage found.jpg
      agematch submit --sighting S-2024-031 front.jpg side.jpg
      agematch submit --inbox /srv/agematch/inbox found.jpg
    """
)


@click.command(help=HELP)
@click.argument("photos", nargs=-1, required=True, type=click.Path(), metavar="PHOTO...")
@sighting_facts
@click.option("--reported-by", help=_("Who reported the child."))
@click.option("--note", help=_("Anything else worth knowing."))
@click.option(
    "--inbox",
    type=click.Path(file_okay=False),
    help=_("Folder of new photos. Default: as set, or beside the registry, its name and `-inbox`."),
)
@output_format("table", "jsonl")
@click.pass_obj
def command(
    invocation: Invocation,
    /,
    photos: tuple[str, ...],
    sighting_id: str | None,
    inbox: str | None,
    output: str,
    **facts: str | None,
) -> int:
    from agematch.cli.output import say
    from agematch.jobs.submit import submission, submit

    said = submission(sighting_id, {name: value for name, value in facts.items() if value is not None})
    folder, settings = _inbox(invocation, inbox)
    put: list[str] = []
    for one in submit(folder, [Path(photo) for photo in photos], said, settings):
        if one.failure is None:
            put.append(one.photo)
        _tell(one, folder, said, output)
    if put:
        names = shlex.join(put)
        say(
            _("The next night takes them in. To ask what came of them: agematch status {photos}").format(
                photos=names
            )
        )
    return 0 if len(put) == len(photos) else ATTENTION


def _inbox(invocation: Invocation, named: str | None) -> tuple[Path, Settings]:
    """Return the inbox and the settings; who names the inbox need not be allowed to see the registry."""
    from agematch.jobs.inbox import folder_of

    if named:
        return Path(named), config.load(None, os.environ)
    if not os.path.isdir(invocation.path):
        raise NotFound(
            _("There is no registry in {path}, beside which the inbox would be.").format(
                path=invocation.path
            ),
            _("Name the inbox with --inbox."),
        )
    settings = config.load(invocation.path, os.environ)
    return folder_of(settings, invocation.path), settings


def _tell(one: Submitted, inbox: Path, said: Submission, output: str) -> None:
    from agematch.cli.output import say
    from agematch.cli.results import failure_line
    from agematch.report.words import printable

    failure = one.failure
    if output == "jsonl":
        click.echo(json.dumps(_line(one), ensure_ascii=False))
    elif failure is None:
        click.echo(
            printable(_("{photo}: in the inbox as {path}").format(photo=one.photo, path=inbox / one.where))
        )
    if failure is not None:
        say(failure_line(one.photo, failure))
    elif said.sighting.taken_on:
        return
    elif one.camera_date and said.camera_date_counts:
        say(
            printable(
                _("{photo}: no date was given; it counts as taken on {day}, by the camera's date.").format(
                    photo=one.photo, day=one.camera_date
                )
            )
        )
    else:
        say(
            printable(
                _(
                    "{photo}: no date was given, and none is used. If you know it, submit with --taken-on."
                ).format(photo=one.photo)
            )
        )


def _line(one: Submitted) -> Mapping[str, object]:
    failure = one.failure
    return {
        "photo": one.photo,
        "where": one.where,
        "camera_date": one.camera_date,
        "failure": {"reason": failure.reason, "detail": failure.detail, "remedy": failure.remedy}
        if failure
        else None,
    }
