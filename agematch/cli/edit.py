"""`agematch edit`: correct, merge, close, reopen and undo."""

from __future__ import annotations

import click

from agematch.cli.options import Invocation, output_format
from agematch.errors import UsageError
from agematch.i18n import _

HELP = _(
    """Correct the facts of a case, merge two cases of one child, close, reopen, undo; everything keeps its history.

    \b
    Examples:
      agematch edit set G-017 birth_date=2003-05 sex=f --reason "hospital record"
      agematch edit merge G-102 --into G-017 --reason "reported by both parents"
      agematch edit close G-017 --reason "found, DNA confirmed"
      agematch edit undo G-017 --reason "wrong case"
      agematch edit history G-017
    """
)

reason_option = click.option("--reason", required=True, help=_("Why; kept with the change."))


@click.group(help=HELP)
def command() -> None:
    pass


@command.command(
    "set",
    help=_("Give facts new values: COLUMN=VALUE, the columns of cases.csv. An empty value removes one."),
)
@click.argument("case_id")
@click.argument("changes", nargs=-1, required=True, metavar="COLUMN=VALUE...")
@reason_option
@click.pass_obj
def set_facts(invocation: Invocation, case_id: str, changes: tuple[str, ...], reason: str) -> None:
    from agematch.cli.output import say

    given = {}
    for change in changes:
        column, equals, value = change.partition("=")
        if not equals:
            raise UsageError(_("{change} is not COLUMN=VALUE.").format(change=change))
        given[column.strip()] = value
    with invocation.open() as registry:
        stored = registry.edit.correct(case_id, given, reason)
    say(_("Case {id} is at version {version}.").format(id=case_id, version=stored.version))


@command.command(
    "merge", help=_("Say that a case is the same child as another; its photos then count for that one.")
)
@click.argument("case_id")
@click.option("--into", required=True, help=_("The case that stays."))
@reason_option
@click.pass_obj
def merge(invocation: Invocation, case_id: str, into: str, reason: str) -> None:
    from agematch.cli.output import say

    with invocation.open() as registry:
        registry.edit.merge(case_id, into, reason)
    say(
        _("Case {id} is merged into {into}. To take it back: agematch edit undo {id}").format(
            id=case_id, into=into
        )
    )


@command.command("close", help=_("Close a case: it is not searched any more, its history stays."))
@click.argument("case_id")
@reason_option
@click.pass_obj
def close(invocation: Invocation, case_id: str, reason: str) -> None:
    from agematch.cli.output import say

    with invocation.open() as registry:
        registry.edit.close(case_id, reason)
    say(_("Case {id} is closed.").format(id=case_id))


@command.command("reopen", help=_("Open a closed case again."))
@click.argument("case_id")
@reason_option
@click.pass_obj
def reopen(invocation: Invocation, case_id: str, reason: str) -> None:
    from agematch.cli.output import say

    with invocation.open() as registry:
        registry.edit.reopen(case_id, reason)
    say(_("Case {id} is open.").format(id=case_id))


@command.command("undo", help=_("Bring back what a case was before its last change."))
@click.argument("case_id")
@reason_option
@click.pass_obj
def undo(invocation: Invocation, case_id: str, reason: str) -> None:
    from agematch.cli.output import say

    with invocation.open() as registry:
        stored = registry.edit.undo(case_id, reason)
    say(
        _("Case {id} is {state} again, at version {version}.").format(
            id=case_id, state=stored.state, version=stored.version
        )
    )


@command.command("history", help=_("Show every version of a case: what changed, when, by whom and why."))
@click.argument("case_id")
@output_format("table", "json")
@click.pass_obj
def history(invocation: Invocation, case_id: str, output: str) -> None:
    import json

    from agematch.cli.output import print_table
    from agematch.report.history import history_json, history_table

    with invocation.open() as registry:
        versions = registry.edit.history(case_id)
    rows = [(v.version, v.case, v.state, v.at, v.actor, v.reason) for v in versions]
    if output == "json":
        click.echo(json.dumps(history_json(rows), ensure_ascii=False, indent=1))
    else:
        print_table(history_table(case_id, rows))
