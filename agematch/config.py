"""Settings, read once from the registry's `agematch.toml` and the environment, and passed as an argument from then on."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agematch.errors import ConfigError
from agematch.i18n import _

FILE_NAME = "agematch.toml"
PREFIX = "AGEMATCH_"


@dataclass(frozen=True)
class Settings:
    """What an operator may set; each field is a key of `agematch.toml` and, upper case, an AGEMATCH_ variable.

    Attributes:
        workers: processes that decode, detect and embed; 0 means one for each processor.
        embedders: ids of the networks to run; empty means those that the manifest marks as default.
        max_megapixels: photographs with more pixels are refused before they are decoded.
        max_file_megabytes: files larger than this are refused before they are read.
        candidates: length of a candidate list.
        lead_expected_by_chance: a candidate whose chance count is at or below this is a lead.
        leads_per_search: at most this many leads for a probe.
    """

    workers: int = 0
    embedders: tuple[str, ...] = ()
    max_megapixels: int = 100
    max_file_megabytes: int = 100
    candidates: int = 20
    lead_expected_by_chance: float = 0.1
    leads_per_search: int = 20

    @property
    def processes(self) -> int:
        """Return the number of worker processes that `workers` asks for on this machine."""
        return self.workers or available_processors()


def available_processors() -> int:
    """Return how many processors this process may use (cgroup and affinity limits seen where the system tells)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError(_("a whole number from {low} to {high}").format(low=low, high=high))
        try:
            number = int(value)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise ValueError(_("a whole number from {low} to {high}").format(low=low, high=high))
        return number

    return read


def _positive(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = 0.0
    if not 0 < number < float("inf"):
        raise ValueError(_("a number above 0"))
    return number


def _names(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [name.strip() for name in value.split(",") if name.strip()]
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError(_("a list of names"))
    return tuple(value)


READERS: Mapping[str, Callable[[Any], Any]] = {
    "workers": _whole(0, 512),
    "embedders": _names,
    "max_megapixels": _whole(1, 1000),
    "max_file_megabytes": _whole(1, 10_000),
    "candidates": _whole(1, 1_000_000),
    "lead_expected_by_chance": _positive,
    "leads_per_search": _whole(0, 1000),
}


def load(registry: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read the settings of a registry; the environment wins over the file.

    Raises:
        ConfigError: the file is not TOML, or some keys are unknown or out of range; all faults in one text.
    """
    path = registry / FILE_NAME if registry else None
    given: dict[str, tuple[str, Any]] = {}
    faults: list[str] = []
    if path and path.is_file():
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as err:
            raise ConfigError(
                _("{path} cannot be read: {reason}.").format(path=path, reason=err), _("Mend the file.")
            ) from err
        for key, value in table.items():
            if key in READERS:
                given[key] = (f"{path.name}: {key}", value)
            else:
                faults.append(
                    _("{key} is not a setting; known are {known}").format(key=key, known=", ".join(READERS))
                )
    for key in READERS:
        if (name := PREFIX + key.upper()) in environ:
            given[key] = (name, environ[name])
    values: dict[str, Any] = {}
    for key, (where, value) in given.items():
        try:
            values[key] = READERS[key](value)
        except ValueError as err:
            faults.append(
                _("{where} must be {allowed}, not {got!r}").format(where=where, allowed=err, got=value)
            )
    if faults:
        raise ConfigError(
            _("Settings with faults: {faults}.").format(faults="; ".join(faults)),
            _("Mend them and run again."),
        )
    return Settings(**values)
