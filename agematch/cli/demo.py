"""`agematch demo`: the whole story in one go, on photographs of adult public figures."""

from __future__ import annotations

from pathlib import Path

import click

from agematch.cli.options import ATTENTION, Invocation
from agematch.i18n import _

HELP = _(
    """Fetch weights and photos, make a registry, enrol, search, and write a report with the photos side by side.

    The photographs are official portraits of adult public figures, some years apart; the last one shows somebody who is
    not enrolled, as most found children are. Run it again: what is done already stays.

    \b
    Example:
      agematch demo --output build/demo
    """
)


@click.command(help=HELP)
@click.option(
    "--output",
    default="build/demo",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help=_("Folder for photos, registry, key and report."),
)
@click.pass_obj
def command(invocation: Invocation, output: Path) -> int:
    from agematch.cli.output import print_table, say
    from agematch.cli.results import enrol_line, enrol_summary
    from agematch.jobs import demo_photos
    from agematch.jobs.enrol import Tally
    from agematch.registry import Registry
    from agematch.report.table import candidate_table
    from agematch.vision import fetch, weights

    say(_("1. Weights and photographs"))
    fetch.fetch(
        weights.load_manifest(weights.models_dir()), lambda weight, text: say(f"   {weight.file}: {text}")
    )
    demo_photos.fetch(output / "photos", lambda text: say(f"   {text}"))
    path, key_file, report = output / "registry", output / "demo.key", output / "report.html"
    say(_("2. The registry {path}").format(path=path))
    if path.exists():
        registry = Registry.open(path, key_file=key_file, context=invocation.context)
    else:
        basis = demo_photos.BASIS
        registry = Registry.create(
            path, key_file=key_file, context=invocation.context, basis=basis, consent=basis
        )
    with registry:
        tally = Tally()
        for result in registry.enrol(registry.read_cases(output / "photos" / "cases.csv")):
            tally.add(result)
            if result.failure:
                say("   " + enrol_line(result, words=True))
        say("   " + enrol_summary(tally.summary()))
        say(_("3. Searching with later photographs"))
        before = registry.stats()
        lists = [
            found
            for answers in registry.search(
                registry.read_sightings(output / "photos" / "sightings.csv"), save=True
            )
            for found in answers
        ]
        for found in lists:
            if found.face:
                print_table(candidate_table(found))
        if registry.stats() != before or not report.exists():
            registry.write_report(report, show_facts=False)
    say(_("4. The report, with the photos side by side: {path}").format(path=report.resolve().as_uri()))
    first = sum(bool(f.candidates) and f.candidates[0].case_id == f.sighting_id.split("-")[0] for f in lists)
    enrolled = sum(f.sighting_id.split("-")[0] in {c.case_id for c in f.candidates} for f in lists)
    say(
        _(
            "{first} of {enrolled} later photos rank their own case first; {other} shows somebody who is not enrolled."
        ).format(first=first, enrolled=enrolled, other=len(lists) - enrolled)
    )
    return ATTENTION if tally.summary().needs_attention else 0
