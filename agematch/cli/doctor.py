"""`agematch doctor`: can this installation do the job?"""

from __future__ import annotations

import click

from agematch.cli.options import Invocation
from agematch.i18n import _

HELP = _(
    """Examine the installation: Python, packages, weights, key file and disk; say what helps.

    \b
    Example:
      agematch doctor
    """
)


@click.command(help=HELP)
@click.pass_obj
def command(invocation: Invocation) -> int:
    from agematch.cli.output import print_table, say
    from agematch.jobs import doctor
    from agematch.report.overview import findings_table
    from agematch.vision import weights

    findings = doctor.examine(invocation.path, invocation.key_path, weights.models_dir())
    print_table(findings_table([(f.name, f.good, f.detail, "" if f.good else f.remedy) for f in findings]))
    bad = sum(not finding.good for finding in findings)
    say(_("{number} things to mend.").format(number=bad) if bad else _("All is well."))
    return 1 if bad else 0
