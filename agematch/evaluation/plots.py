"""Curves of a study as PNG and SVG: CMC, DET, ROC, reliability and Tippett; the one home of matplotlib."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from agematch.errors import UsageError
from agematch.evaluation import curves, openset
from agematch.evaluation.curves import Band
from agematch.evaluation.measures import RANKS
from agematch.evaluation.searches import Outcome
from agematch.evaluation.study import Study
from agematch.evaluation.summary import pairs
from agematch.evaluation.verification import LikeAge
from agematch.i18n import _

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Found = TypeVar("Found")
FOLDER = "plots"
SIZE_INCHES = (8.0, 5.6)
PIXELS_PER_INCH = 100
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
"""Okabe and Ito's colours, which colour-blind people tell apart; the dashes tell them apart without any."""
DASHES = ("-", "--", "-.", ":")
ByMethod = Mapping[str, Sequence[Outcome]]


def require() -> None:
    """Raise UsageError where matplotlib is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError(
            _("Plots need matplotlib, which is not installed."),
            _('Install it with: pip install "agematch[evaluation]", or give --no-plots.'),
        )


def draw(study: Study) -> Iterator[tuple[str, bytes]]:
    """Yield each plot as a path within the study's folder and the file's bytes, PNG and SVG of each."""
    require()
    for protocol, by_method in study.outcomes.items():
        one = next(iter(by_method.values()))
        cases = float(np.mean([some.cases for some in one]))
        searches = sum(int(some.mated.sum()) for some in one)
        people = len({name for some in one for name in some.person})
        about = _("{protocol}: {cases:.0f} cases, {searches} mated searches of {people} people").format(
            protocol=protocol, cases=cases, searches=searches, people=people
        )
        with_lrs = {name: some for name, some in by_method.items() if all(o.has_lrs for o in some)}
        if any((~some.mated).any() for some in one):
            yield from _saved(f"det-{protocol}", about, by_method, _det)
        yield from _saved(f"cmc-{protocol}", about, by_method, _cmc)
        if with_lrs:
            yield from _saved(f"reliability-{protocol}", about, with_lrs, _reliability)
            yield from _saved(f"tippett-{protocol}", about, with_lrs, _tippett)
    if study.like_age:
        about = _("verification: {pairs} pairs, impostors of like age").format(
            pairs=len(next(iter(study.like_age.values())).pair)
        )
        yield from _saved("roc-verification", about, study.like_age, _roc)


def _saved(
    name: str, title: str, found: Mapping[str, Found], paint: Callable[[Axes, Mapping[str, Found]], None]
) -> Iterator[tuple[str, bytes]]:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"font.size": 12, "svg.hashsalt": "agematch", "svg.fonttype": "path"}):
        figure = Figure(figsize=SIZE_INCHES, dpi=PIXELS_PER_INCH, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        axes.grid(visible=True, color="#DDDDDD", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.set_title(title, fontsize=12, loc="left")
        paint(axes, found)
        for kind in ("png", "svg"):
            data = io.BytesIO()
            figure.savefig(data, format=kind, metadata={"Date": None} if kind == "svg" else None)
            yield f"{FOLDER}/{name}.{kind}", data.getvalue()


def _cmc(axes: Axes, by_method: ByMethod) -> None:
    for place, (name, some) in enumerate(by_method.items()):
        band = curves.cmc(some)
        axes.plot(band.x, band.y, color=COLOURS[place], linestyle=DASHES[place], linewidth=2, label=name)
        axes.fill_between(band.x, band.low, band.high, color=COLOURS[place], alpha=0.12, linewidth=0)
        axes.set_xlim(1, max(float(band.x[-1]), 2))
    axes.set_xticks([k for k in RANKS if k <= axes.get_xlim()[1]])
    axes.set_ylim(0, 1.02)
    axes.set_xlabel(_("candidates looked at, k"))
    axes.set_ylabel(_("mate among the first k (CMC)"))
    axes.legend(loc="lower right", title=_("bands: 95 % by person"))


def _det(axes: Axes, by_method: ByMethod) -> None:
    claimed = 0.0
    for place, (name, some) in enumerate(by_method.items()):
        seen = openset.alarms(some)
        false, miss = openset.trade_off(seen)
        claimed = openset.LEAST_ALARMS / max(seen.distinct_probes, 1)
        axes.step(
            np.maximum(false, 1e-4),
            miss,
            where="post",
            color=COLOURS[place],
            linestyle=DASHES[place],
            linewidth=2,
            label=name,
        )
    lowest = min(claimed / 3, 0.005)
    axes.axvspan(lowest, claimed, color="#EEEEEE", zorder=0, label=_("too few searches to claim"))
    _rates(axes)
    axes.set_xlim(lowest, 1)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel(_("searches without a mate that raise an alarm (FPIR)"))
    axes.set_ylabel(_("mates missed, lists of {number} (FNIR)").format(number=openset.LIST))
    axes.legend(loc="lower left")


def _reliability(axes: Axes, by_method: ByMethod) -> None:
    bands = {name: curves.reliability(some) for name, some in by_method.items()}
    ends = [np.concatenate([b.x, b.y, b.low, b.high]) for b in bands.values()]
    values = np.concatenate(ends)
    values = values[np.isfinite(values)]
    low, high = (values.min() - 0.3, values.max() + 0.3) if len(values) else (-1.0, 1.0)
    axes.plot([low, high], [low, high], color="#777777", linewidth=1.2, label=_("what is stated is true"))
    for place, (name, band) in enumerate(bands.items()):
        _points(axes, band, COLOURS[place], name)
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.set_xlabel(_("log10 likelihood ratio stated"))
    axes.set_ylabel(_("log10 likelihood ratio found"))
    axes.legend(loc="upper left", title=_("bars: 95 % by person"))


def _rates(axes: Axes) -> None:
    """Make the x axis one of rates, in percent, from rare to all."""
    axes.set_xscale("log")
    axes.set_xticks([0.001, 0.01, 0.1, 1.0], ["0.1 %", "1 %", "10 %", "100 %"])


def _points(axes: Axes, band: Band, colour: str, name: str) -> None:
    reach = np.stack([band.y - band.low, band.high - band.y])
    reach = np.where(np.isfinite(reach), np.maximum(reach, 0), 0)
    axes.errorbar(band.x, band.y, yerr=reach, color=colour, marker="o", capsize=3, linewidth=1.6, label=name)


def _tippett(axes: Axes, by_method: ByMethod) -> None:
    for place, (name, some) in enumerate(by_method.items()):
        mated, unrelated = pairs(some)
        for values, kind, dash in ((mated, _("mated"), "-"), (unrelated, _("unrelated"), "--")):
            x, y = curves.tippett(values)
            axes.step(
                x, y, where="post", color=COLOURS[place], linestyle=dash, linewidth=2, label=f"{name}, {kind}"
            )
    axes.axvline(0, color="#777777", linewidth=1)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel(_("log10 likelihood ratio"))
    axes.set_ylabel(_("share of pairs with a larger one (Tippett)"))
    axes.legend(loc="center left")


def _roc(axes: Axes, by_method: Mapping[str, LikeAge]) -> None:
    for place, (name, seen) in enumerate(by_method.items()):
        axes.plot(*seen.curve, color=COLOURS[place], linestyle=DASHES[place], linewidth=2, label=name)
    _rates(axes)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel(_("impostors of like age accepted (FAR)"))
    axes.set_ylabel(_("genuine pairs accepted (TAR)"))
    axes.legend(loc="lower right")
