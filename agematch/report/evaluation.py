"""The figures of an evaluation as tables, in the order of what matters: open-set and the longest gaps first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agematch.i18n import _
from agematch.report.table import Table, table

Json = Mapping[str, Any]
DIFFERENCE = "- "
GAPS_FIRST = {"20+": 0, "15-20": 1, "10-15": 2, "5-10": 3, "0-5": 4, "younger": 5}
RANKED = ("rank_1", "rank_5", "rank_10")
OPEN = ("fnir_at_fpir_0.1", "fnir_at_fpir_0.01")
CALIBRATION = ("cllr", "cllr_minimum", "calibration_loss")
CHANCE = ("unrelated_0.1", "unrelated_1", "unrelated_10", "mates_0.1", "mates_1")
PAIRS = ("accuracy", "tar_at_far_0.01", "tar_at_far_0.001")


def names() -> Mapping[str, str]:
    """Return the words for each figure, as a column's head."""
    return {
        "rank_1": _("rank 1"),
        "rank_5": _("rank 5"),
        "rank_10": _("rank 10"),
        "rank_20": _("rank 20"),
        "fnir_at_fpir_0.1": _("FNIR at FPIR 10 %"),
        "fnir_at_fpir_0.01": _("FNIR at FPIR 1 %"),
        "cllr": _("Cllr"),
        "cllr_minimum": _("minimum"),
        "calibration_loss": _("loss"),
        "unrelated_0.1": _("unrelated up to 0.1"),
        "unrelated_1": _("up to 1"),
        "unrelated_10": _("up to 10"),
        "mates_0.1": _("mates up to 0.1"),
        "mates_1": _("up to 1"),
        "accuracy": _("accuracy"),
        "tar_at_far_0.01": _("TAR at FAR 1 %"),
        "tar_at_far_0.001": _("TAR at FAR 0.1 %"),
    }


def evaluation_tables(results: Json) -> list[Table]:
    """Return the tables of one data set's results, as `results.json` holds them."""
    tables = []
    for name, found in results["protocols"].items():
        title = f"{results['dataset']}, {name}: {_about(found)}"
        figures = PAIRS if "pairs" in found else (*OPEN, *RANKED)
        tables.append(_figures(title, found, figures))
        for figures, words in ((CALIBRATION, _("likelihood ratios")), (CHANCE, _("chance counts"))):
            if any(_has(rows, figures[:1]) for rows in found["methods"].values()):
                tables.append(_figures(f"{results['dataset']}, {name}: {words}", found, figures))
    for name, rows in results.get("compared", {}).items():
        title = _("{dataset}, {name}: difference from the earlier results").format(
            dataset=results["dataset"], name=name
        )
        kept = [key for key in (*OPEN, *RANKED, "cllr", *PAIRS) if _has(rows, (key,))]
        tables.append(_table(title, kept, [(DIFFERENCE + _("earlier"), rows)]))
    return tables


def _figures(title: str, found: Json, figures: Sequence[str]) -> Table:
    ranked = figures not in (CALIBRATION, CHANCE)
    sides = [*found["methods"].items()]
    if ranked:
        sides += [(_difference(name), rows) for name, rows in found.get("differences", {}).items()]
    kept = [key for key in figures if any(_has(rows, (key,)) for _name, rows in found["methods"].items())]
    if not ranked:  # of a method without LRs only the minimum is there
        sides = [(name, rows if _has(rows, figures[:1]) else rows[:1]) for name, rows in sides]
    sides = [(name, rows) for name, rows in sides if _has(rows, kept)]
    return _table(title, kept, sides)


def _difference(name: str) -> str:
    return DIFFERENCE + name.partition(" - ")[2]


def _table(title: str, figures: Sequence[str], sides: Sequence[tuple[str, Sequence[Json]]]) -> Table:
    words = names()
    lines = []
    for kind, name in _order(sides):
        for side, rows in sides:
            row = next((r for r in rows if (r["kind"], r["bin"]) == (kind, name)), None)
            if row is None:
                continue
            shown = [row["figures"][key] for key in figures if key in row["figures"]]
            probes, people = (max((one[key] for one in shown), default=0) for key in ("probes", "people"))
            cells = [_cell(row["figures"].get(key), signed=side.startswith(DIFFERENCE)) for key in figures]
            mark = " *" if any("too few" in one["note"] for one in shown) else ""
            lines.append((_bin(kind, name) + mark, side, f"{probes} / {people}", *cells))
    notes = [
        _("After each figure its 95 % interval by person. Closed sets flatter: open-set and long gaps count.")
    ]
    if any(line[0].endswith(" *") for line in lines):
        notes.append(_("* too few: under 30 different probes."))
    return table(
        title,
        (_("years"), _("method"), _("probes / people"), *(words[key] for key in figures)),
        lines,
        notes,
        right=range(2, 3 + len(figures)),
    )


def _about(found: Json) -> str:
    if "pairs" in found:
        text = _("{pairs} pairs").format(pairs=found["pairs"])
        if "impostors" in found:
            text += ", " + _("{number} impostors of like age").format(number=found["impostors"])
    else:
        text = _("{cases:g} cases").format(cases=round(found["cases"], 1))
        if found["splits"] > 1:
            text += ", " + _("{splits} splits").format(splits=found["splits"])
        if found["non_mated"]:
            text += ", " + _("{number} searches without a mate").format(number=found["non_mated"])
    if found["not_enrolled"]:
        text += ", " + _("{number} without a template").format(number=found["not_enrolled"])
    return text


def _order(sides: Sequence[tuple[str, Sequence[Json]]]) -> list[tuple[str, str]]:
    seen = dict.fromkeys((row["kind"], row["bin"]) for _side, rows in sides for row in rows)
    kinds = {"all": 0, "gap": 1, "age": 2}
    return sorted(seen, key=lambda one: (kinds.get(one[0], 3), GAPS_FIRST.get(one[1], 0)))


def _bin(kind: str, name: str) -> str:
    if kind == "gap":
        return _("younger") if name == "younger" else _("gap {years}").format(years=name)
    return _("from age {years}").format(years=name) if kind == "age" else _("all")


def _has(rows: Sequence[Json], figures: Sequence[str]) -> bool:
    return any(key in row["figures"] for row in rows for key in figures)


def _cell(one: Json | None, *, signed: bool) -> str:
    if one is None or one["value"] is None:
        return "-"
    sign = "+" if signed else ""
    text = _short(one["value"], f"{sign}.3f")
    if one["low"] is not None and one["high"] is not None:
        dash = "…" if signed else "–"
        text += f" {_short(one['low'], f'{sign}.2f')}{dash}{_short(one['high'], f'{sign}.2f')}"
    return text


def _short(value: float, form: str) -> str:
    """Return a number without the 0 before its point."""
    text = format(value, form)
    return text.replace("0.", ".", 1) if text.lstrip("+-").startswith("0.") else text
