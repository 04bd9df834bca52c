"""Every error agematch raises for an operator: one root, one exit code a class, text that says what, which thing, what next."""

from __future__ import annotations


class AgematchError(Exception):
    """Root of all operator errors.

    Args:
        what: what went wrong, naming the thing it went wrong with (an id or a path, never a child's name).
        remedy: what to do next, an imperative sentence; may be empty where nothing can be done.
    """

    exit_code = 1

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(f"{what} {remedy}".strip())
        self.what = what
        self.remedy = remedy


class UsageError(AgematchError):
    """The call itself cannot be carried out: contradicting options, an unknown id, a file of the wrong kind."""

    exit_code = 2


class ConfigError(UsageError):
    """The settings have faults; the text lists all of them."""


class NotFound(UsageError):
    """An id or a path that was asked for is not there."""


class LockHeld(AgematchError):
    """Another batch job works on this registry."""

    exit_code = 4


class DamageFound(AgematchError):
    """Stored bytes do not verify: a flipped bit, a missing file, a broken chain, a wrong key for the data."""

    exit_code = 5


class KeyUnavailable(AgematchError):
    """The registry's key cannot be had: no key file, no passphrase, or the wrong one."""


class WeightsMissing(AgematchError):
    """A weight file is absent or fails its SHA-256; nothing is loaded from it."""


class NetworkUnavailable(AgematchError):
    """A download could not be made."""


class StoreError(AgematchError):
    """The registry cannot be opened or written: disk full, read-only, a newer schema."""


class InboxError(AgematchError):
    """The inbox is not there, may not be read, or nothing can be taken out of it."""
