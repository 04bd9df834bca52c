"""`agematch status`: did my photo arrive, and what came of it?"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agematch.cli.options import ATTENTION, Invocation, output_format
from agematch.i18n import _

if TYPE_CHECKING:
    from agematch.jobs.status import Overview, PhotoStatus

HELP = _(
    """Say whether photos of found children arrived, and what came of them.

    Name the photo itself, wherever a copy of it lies, its path in the inbox, or the id of its sighting. Nothing is told of
    any case. The exit code is 3 if one of them needs attention or was never seen. Without a name, uploads are counted.

    \b
    Examples:
      agematch status found.jpg
      agematch status orphanage/IMG_2201.jpg S-2024-031
      agematch status
    """
)


@click.command(help=HELP)
@click.argument("asked", nargs=-1, metavar="[PHOTO | ID]...")
@click.option(
    "--inbox",
    type=click.Path(file_okay=False),
    help=_("Folder of new photos. Default: as set, or beside the registry, its name and `-inbox`."),
)
@output_format("table", "jsonl")
@click.pass_obj
def command(invocation: Invocation, asked: tuple[str, ...], inbox: str | None, output: str) -> int:
    from agematch.config import inbox_path
    from agematch.jobs.inbox import Inbox
    from agematch.jobs.status import Status

    attention = False
    with invocation.open() as registry:
        settings = registry.settings
        folder = Path(inbox) if inbox else inbox_path(settings, registry.path)
        status = Status(
            registry.store,
            registry.context,
            Inbox(folder, settings.inbox_settle_seconds, registry.context.clock),
            settings.max_file_megabytes * 2**20,
        )
        if not asked:
            _print_overview(status.overview(), output)
        for one in status.ask(asked):
            attention |= one.needs_attention
            click.echo(_json_line(one) if output == "jsonl" else _sentence(one))
    return ATTENTION if attention else 0


def _json_line(one: PhotoStatus) -> str:
    return json.dumps(asdict(one), ensure_ascii=False)


def _sentence(one: PhotoStatus) -> str:
    from agematch.report.words import printable

    return printable(f"{one.asked}: {_said(one)}")


def _said(one: PhotoStatus) -> str:
    """Say in plain words where a photo is and what came of it."""
    from agematch.jobs.status import Place
    from agematch.records import UploadState
    from agematch.report.codes import state_words

    failure = one.failure
    why = f"{failure.detail.rstrip('.')}. {failure.remedy}".rstrip() if failure else ""
    at = _moment(one.at)
    if one.place is Place.UNKNOWN:
        return why or _(
            "never seen, neither in the registry nor in the inbox. Put it in: agematch submit PHOTO"
        )
    if one.place is Place.INBOX:
        return _("waits in the inbox since {at}, as {where}; the next night takes it in.").format(
            at=at, where=one.where
        )
    if one.place is Place.UNFINISHED:
        return _("is in the inbox, as {where}; it, or what is said of it, is still being written.").format(
            where=one.where
        )
    if one.place is Place.REFUSED:
        return _("stays in the inbox, as {where}: {why}").format(where=one.where, why=why)
    if one.place is Place.ATTENTION:
        return _("needs attention since {at}, in attention/{where}: {why}").format(
            at=at, where=one.where, why=why
        )
    if one.place is Place.TAKEN_IN:
        return _("was taken in on {at}.").format(at=at)
    if one.state is UploadState.DUPLICATE:
        return _duplicate(one)
    arrived = _("arrived on {at}").format(at=at)
    if failure:
        return _("{arrived}; needs attention: {why}").format(arrived=arrived, why=why)
    if one.state is UploadState.SEARCHED:
        return f"{arrived}; {_searched(one)}{_again(one)}"
    if one.state is UploadState.WAITING:
        return _("{arrived}; waits for its search, which the next night makes.").format(arrived=arrived)
    said = state_words(one.state) if one.state else _("its upload is not recorded; run: agematch check")
    return f"{arrived}; {said}."


def _duplicate(one: PhotoStatus) -> str:
    if not one.earlier_at:
        return _("arrived on {at}; it is a photo that came before, and is linked to that one.").format(
            at=_moment(one.at)
        )
    return _(
        "arrived on {at}; it is a photo that came before, on {earlier}, and is linked to that one."
    ).format(at=_moment(one.at), earlier=_moment(one.earlier_at))


def _searched(one: PhotoStatus) -> str:
    text = _(
        "{faces} faces were searched against the open cases; {waiting} leads wait for review, {decided} were decided."
    )
    return text.format(faces=one.faces, waiting=one.leads_waiting, decided=one.leads_decided)


def _again(one: PhotoStatus) -> str:
    return " " + _("It came {number} times more.").format(number=one.came_again) if one.came_again else ""


def _moment(iso: str) -> str:
    """Return a time as people here read it."""
    try:
        return datetime.fromisoformat(iso).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return iso


def _print_overview(found: Overview, output: str) -> None:
    from agematch.cli.output import print_table
    from agematch.report.overview import inbox_table
    from agematch.report.table import ledger_table

    inbox = {
        "waiting": found.waiting,
        "unfinished": found.unfinished,
        "refused": found.refused,
        "attention": found.attention,
    }
    total = sum(found.uploads.values())
    if output == "jsonl":
        uploads = {"total": total, **{str(state): count for state, count in found.uploads.items()}}
        click.echo(json.dumps({"uploads": uploads, "inbox": inbox}))
        return
    print_table(inbox_table(**inbox))
    print_table(ledger_table(total, found.uploads))
