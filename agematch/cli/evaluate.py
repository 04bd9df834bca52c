"""`agematch evaluate`: how often the right case is found, and whether the numbers mean what they say."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from agematch import __version__
from agematch.cli.options import output_format
from agematch.errors import UsageError
from agematch.i18n import _

HELP = _(
    """Measure accuracy on labelled photographs of people at several ages.

    DATASET is a folder with the photos and labels.csv (file, subject, age, perhaps sex), or pairs.csv (pair, fold,
    same_person): see data/README.md. No registry is needed or touched. What each figure means, and which one to believe,
    is in docs/evaluation.md: read open-set and the longest gaps first, for closed sets flatter.

    \b
    Protocols, without --protocol all that a data set allows:
      open-set        half of the people enrolled, in many splits: who is missed
                      at a false alarm rate (also open-set-3-9, open-set-album)
      one-photo       the youngest photo up to 12 years a case, probes 5 or more
                      years older (one-photo-3-9: of 3 to 9 years)
      album           all photos up to 12 years a case
      same-age        a childhood photo against one less than 5 years apart
      leave-one-out   each photo against all others (leave-one-out-5-years:
                      without its person's photos within 5 years)
      verification    pairs by folds, or genuine pairs against impostors of like
                      age and sex

    \b
    Examples:
      agematch evaluate data/fgnet --out build/fgnet
      agematch evaluate data/fgnet --protocol one-photo --protocol album --dates
      agematch evaluate data/fgnet --protocol album --distractors strangers:1000
      agematch evaluate data/fgnet --out after --compare before/fgnet/results.json
    """
)
PROTOCOLS = (
    "open-set",
    "open-set-3-9",
    "open-set-album",
    "one-photo",
    "one-photo-3-9",
    "album",
    "same-age",
    "leave-one-out",
    "leave-one-out-5-years",
    "verification",
)


@click.command(help=HELP)
@click.argument("dataset", nargs=-1, required=True, type=click.Path(), metavar="DATASET...")
@click.option(
    "--protocol",
    "protocols",
    multiple=True,
    type=click.Choice(PROTOCOLS),
    metavar="NAME",
    help=_("Only this protocol; may be given several times."),
)
@click.option(
    "--method",
    type=click.Choice(["agematch", "cosine"]),
    default="agematch",
    show_default=True,
    help=_("agematch's own space and scoring, or plain cosine of the same templates."),
)
@click.option(
    "--baseline",
    type=click.Choice(["cosine", "none"]),
    default="cosine",
    show_default=True,
    help=_("With what the method is compared on the same probes."),
)
@click.option(
    "--reference-age",
    default="0-12",
    show_default=True,
    metavar="LO-HI",
    help=_("References show people of these completed years."),
)
@click.option("--ages-unknown", is_flag=True, help=_("Say nothing of the age in the reference photos."))
@click.option(
    "--dates",
    is_flag=True,
    help=_("Every case has a birth year, every photo the year it was taken in, made up but consistent."),
)
@click.option(
    "--distractors",
    metavar="DIR:N",
    help=_("Enrol N further photos of other people from DIR, each a case of its own."),
)
@click.option(
    "--splits",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help=_("In how many halves of the people open-set is repeated."),
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help=_("The first split's seed; the next ones follow it."),
)
@click.option(
    "--times",
    type=click.IntRange(100),
    default=1000,
    show_default=True,
    help=_("How often people are drawn for the intervals."),
)
@click.option(
    "--embedders", default="", metavar="ID,ID", help=_("Networks to embed with; without it the default ones.")
)
@click.option(
    "--cache",
    type=click.Path(dir_okay=False),
    help=_(
        "File that keeps the templates, so that photos are embedded once. They are biometric data in the clear: for research sets only, never for a registry's photos."
    ),
)
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    help=_(
        "Folder for protocol.json, results.json, searches.npz and plots/, in one folder for each data set."
    ),
)
@click.option("--no-plots", is_flag=True, help=_("Draw no curves; without them matplotlib is not needed."))
@click.option(
    "--compare",
    type=click.Path(dir_okay=False),
    metavar="RESULTS.JSON",
    help=_("Differences from earlier results on the same photos, people and splits, with intervals."),
)
@output_format("table", "json")
def command(
    dataset: tuple[str, ...],
    protocols: tuple[str, ...],
    method: str,
    baseline: str,
    reference_age: str,
    ages_unknown: bool,
    dates: bool,
    distractors: str | None,
    splits: int,
    seed: int,
    times: int,
    embedders: str,
    cache: str | None,
    out: str | None,
    no_plots: bool,
    compare: str | None,
    output: str,
) -> int:
    from agematch.cli.output import print_table, say, staged_bar, warn
    from agematch.evaluation.facts import Facts
    from agematch.evaluation.study import Settings
    from agematch.jobs import evaluate as job
    from agematch.jobs import labelled
    from agematch.report.evaluation import evaluation_tables
    from agematch.vision import weights

    settings = Settings(
        protocols=tuple(protocols),
        reference_ages=_ages(reference_age),
        facts=Facts(ages_known=not ages_unknown, dates=dates),
        splits=splits,
        seed=seed,
        times=times,
    )
    using = labelled.networks(weights.models_dir(), tuple(name for name in embedders.split(",") if name))
    methods = (method,) if baseline in ("none", method) else (method, baseline)
    reports = []
    with staged_bar() as listener:
        for report in job.evaluate(
            [Path(folder) for folder in dataset],
            using,
            settings,
            methods=methods,
            distractors=_distractors(distractors) if distractors else None,
            cache=Path(cache) if cache else None,
            out=Path(out) if out else None,
            compare=Path(compare) if compare else None,
            draw=not no_plots,
            processes=os.cpu_count() or 1,
            version=__version__,
            listener=listener,
        ):
            reports.append(report)
    if output == "json":
        click.echo(json.dumps([report.results for report in reports], ensure_ascii=False, indent=1))
    for report in reports:
        results = report.results
        for table in evaluation_tables(results) if output == "table" else ():
            print_table(table)
        failed = results["photos_without_template"]
        say(
            _(
                "{dataset}: {failed} of {photos} photos gave no template; as probes they count as misses."
            ).format(dataset=results["dataset"], failed=failed, photos=results["photos"])
        )
        if results["photos_trained_on"]:
            warn(
                _(
                    "{number} of them took part in the training of these parameters: figures on the people they show "
                    "flatter. Left-out figures come from scripts/train_crossage.py."
                ).format(number=results["photos_trained_on"])
            )
        for name in results["without_probes"]:
            say(_("{protocol}: no probe has a mate under these labels.").format(protocol=name))
        if report.folder:
            say(_("Written to {folder}").format(folder=report.folder))
    return 0


def _ages(text: str) -> tuple[float, float]:
    low, dash, high = text.partition("-")
    try:
        ages = float(int(low)), float(int(high))
    except ValueError:
        ages = (1.0, 0.0)
    if not dash or not 0 <= ages[0] <= ages[1]:
        raise UsageError(
            _("{text!r} is no range of ages.").format(text=text), _("Write completed years, as 3-9.")
        )
    return ages


def _distractors(text: str) -> tuple[Path, int]:
    folder, _colon, number = text.rpartition(":")
    if not folder or not number.isdigit() or int(number) < 1:
        raise UsageError(
            _("{text!r} names no distractors.").format(text=text),
            _("Write the folder, a colon and how many photos: data/strangers:1000"),
        )
    return Path(folder), int(number)
