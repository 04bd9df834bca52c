"""`agematch init`: make a registry and its key."""

from __future__ import annotations

import sys

import click

from agematch.cli.options import Invocation
from agematch.i18n import _

HELP = _(
    """Make a registry and the key that encrypts it.

    Everything that is enrolled is encrypted with the key. Who loses the key loses the data; who copies it can read
    them. Keep a copy of the key file in a safe place that is not this computer.

    \b
    Example:
      agematch --registry ./missing init --basis "consent of the parents' network"
    """
)


@click.command(help=HELP)
@click.option(
    "--passphrase", is_flag=True, help=_("Protect the registry with a passphrase instead of a key file.")
)
@click.option("--basis", help=_("On what ground photos are searched where a sighting does not say."))
@click.option("--consent", help=_("By whose consent cases are enrolled where a case does not say."))
@click.pass_obj
def command(invocation: Invocation, passphrase: bool, basis: str | None, consent: str | None) -> None:
    from agematch.cli.output import say
    from agematch.registry import UNSTATED, Registry

    asked = sys.stdin.isatty()
    if asked and consent is None:
        consent = click.prompt(_("By whose consent are cases enrolled?"), default=UNSTATED, err=True)
    if asked and basis is None:
        basis = click.prompt(
            _("On what ground are photos of found children searched?"), default=UNSTATED, err=True
        )
    secret = None
    if passphrase:
        secret = click.prompt(_("New passphrase"), hide_input=True, confirmation_prompt=True, err=True)
    with Registry.create(
        invocation.path,
        key_file=None if passphrase else invocation.key_path,
        passphrase=secret,
        context=invocation.context,
        basis=basis or UNSTATED,
        consent=consent or UNSTATED,
    ) as registry:
        say(_("Made the registry {path}.").format(path=registry.path))
    if passphrase:
        say(
            _(
                "Its key is wrapped with your passphrase. Nobody can restore a forgotten passphrase or the data behind it."
            )
        )
    else:
        say(_("Its key lies in {path}.").format(path=invocation.key_path))
        say(_("Losing this key loses the data. Copy it to a safe place that is not this computer."))
