"""Settings, read once from the registry's `agematch.toml` and the environment, and passed as an argument from then on."""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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
        inbox: folder of new photos; empty means beside the registry, its name and `-inbox`.
        inbox_settle_seconds: a file changed less than so many seconds ago is still being written.
        reports_folder: where the morning reports go; empty means beside the registry, its name and `-reports`.
        metrics_file: where the figures of a night go in Prometheus' text format, for its textfile collector, which reads
            names that end in `.prom`; empty means nowhere.
        log_file: where the log lines go besides stderr; empty means nowhere.
        log_megabytes: size at which the log file is put aside and begun again.
        log_files: how many logs that were put aside are kept.
        mail_to: who gets the digest of a night by e-mail; empty means nobody.
        mail_from: the address that the digest comes from.
        smtp_host: the mail server; `smtp_port` its port.
        smtp_security: `starttls`, `tls` (from the first byte), or `none`, which only a server on this machine may have.
        smtp_user: account at the mail server; empty means no login.
        smtp_password_file: file with its password, which other accounts may not read.
        webhook_url: where the digest is posted as JSON: https, or http on this machine; empty means nowhere.
        webhook_secret_file: file with the secret that signs it; empty means unsigned.
        report_url: address under which the reports folder can be reached, for the link in the digest; empty means no link.
    """

    workers: int = 0
    embedders: tuple[str, ...] = ()
    max_megapixels: int = 100
    max_file_megabytes: int = 100
    candidates: int = 20
    lead_expected_by_chance: float = 0.1
    leads_per_search: int = 20
    inbox: str = ""
    inbox_settle_seconds: int = 60
    reports_folder: str = ""
    metrics_file: str = ""
    log_file: str = ""
    log_megabytes: int = 10
    log_files: int = 10
    mail_to: tuple[str, ...] = ()
    mail_from: str = ""
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_security: str = "starttls"
    smtp_user: str = ""
    smtp_password_file: str = ""
    webhook_url: str = ""
    webhook_secret_file: str = ""
    report_url: str = ""

    @property
    def processes(self) -> int:
        """Return the number of worker processes that `workers` asks for on this machine."""
        return self.workers or available_processors()


def available_processors() -> int:
    """Return how many processors this process may use (cgroup and affinity limits seen where the system tells)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def inbox_path(settings: Settings, registry: Path) -> Path:
    """Return the inbox: as set, or beside the registry, in which nothing lies in the clear."""
    return Path(settings.inbox) if settings.inbox else _beside(registry, "-inbox")


def reports_path(settings: Settings, registry: Path) -> Path:
    """Return the folder of the morning reports: as set, or beside the registry."""
    return Path(settings.reports_folder) if settings.reports_folder else _beside(registry, "-reports")


def _beside(registry: Path, ending: str) -> Path:
    whole = registry.absolute()
    return whole.with_name(whole.name + ending)


def on_this_machine(host: str) -> bool:
    """Return whether a host name or address never leaves this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


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


def _path(value: Any) -> str:
    if not isinstance(value, str) or (value and not Path(value).is_absolute()):
        raise ValueError(_("the whole path of a file or folder"))
    return value


def _addresses(value: Any) -> tuple[str, ...]:
    try:
        found = _names(value)
    except ValueError:
        found = ("",)
    if not all(map(_is_address, found)):
        raise ValueError(_("a list of e-mail addresses"))
    return found


def _address(value: Any) -> str:
    if value != "" and not (isinstance(value, str) and _is_address(value)):
        raise ValueError(_("an e-mail address"))
    return str(value)


def _is_address(text: str) -> bool:
    name, at, domain = text.rpartition("@")
    return bool(name and at and domain) and text.isprintable() and not set(text) & set(' ,;<>"()')


def _word(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or value != value.strip():
        raise ValueError(_("a text on one line"))
    return value


def _security(value: Any) -> str:
    if value not in SECURITIES:
        raise ValueError(_("one of {allowed}").format(allowed=", ".join(SECURITIES)))
    return str(value)


def _webhook(value: Any) -> str:
    text = _("an address that begins with https://, or with http:// on this machine")
    scheme, host = _scheme_and_host(value, text)
    if value and scheme != "https" and not (scheme == "http" and on_this_machine(host)):
        raise ValueError(text)
    return str(value)


def _link(value: Any) -> str:
    text = _("an address that begins with https://, http:// or file://")
    scheme, _host = _scheme_and_host(value, text)
    if value and scheme not in ("https", "http", "file"):
        raise ValueError(text)
    return str(value)


def _scheme_and_host(value: Any, allowed: str) -> tuple[str, str]:
    """Take an address apart; one with a name and password in it is refused: secrets belong in files."""
    try:
        parts = urlsplit(_word(value))
        host, _port = parts.hostname or "", parts.port
    except ValueError as err:
        raise ValueError(allowed) from err
    if parts.username or " " in value or (parts.scheme in ("http", "https") and not host):
        raise ValueError(allowed)
    return parts.scheme, host


SECURITIES = ("starttls", "tls", "none")
READERS: Mapping[str, Callable[[Any], Any]] = {
    "workers": _whole(0, 512),
    "embedders": _names,
    "max_megapixels": _whole(1, 1000),
    "max_file_megabytes": _whole(1, 10_000),
    "candidates": _whole(1, 1_000_000),
    "lead_expected_by_chance": _positive,
    "leads_per_search": _whole(0, 1000),
    "inbox": _path,
    "inbox_settle_seconds": _whole(0, 86_400),
    "reports_folder": _path,
    "metrics_file": _path,
    "log_file": _path,
    "log_megabytes": _whole(1, 10_000),
    "log_files": _whole(1, 1000),
    "mail_to": _addresses,
    "mail_from": _address,
    "smtp_host": _word,
    "smtp_port": _whole(1, 65_535),
    "smtp_security": _security,
    "smtp_user": _word,
    "smtp_password_file": _path,
    "webhook_url": _webhook,
    "webhook_secret_file": _path,
    "report_url": _link,
}


def _contradictions(settings: Settings) -> list[str]:
    """Return what is wrong with settings that are right one by one."""
    faults = []
    if settings.mail_to and not (settings.smtp_host and settings.mail_from):
        faults.append(_("mail_to needs smtp_host and mail_from"))
    if settings.smtp_user and not settings.smtp_password_file:
        faults.append(_("smtp_user needs smtp_password_file"))
    if settings.smtp_security == "none" and not on_this_machine(settings.smtp_host or "localhost"):
        faults.append(_("smtp_security may be none only where smtp_host is this machine"))
    return faults


def load(registry: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read the settings of a registry; the environment wins over the file.

    Raises:
        ConfigError: the file is not TOML, or some keys are unknown or out of range; all faults in one text.
    """
    path = registry / FILE_NAME if registry else None
    given: dict[str, tuple[str, Any]] = {}
    faults: list[str] = []
    if path:
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
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
    if not faults:
        settings = Settings(**values)
        faults = _contradictions(settings)
    if faults:
        raise ConfigError(
            _("Settings with faults: {faults}.").format(faults="; ".join(faults)),
            _("Mend them and run again."),
        )
    return settings
