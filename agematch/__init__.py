"""agematch ranks, for each photo of a found child, the missing children it may show, for people to review."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agematch.registry import Registry

__version__ = "0.1.0"
__all__ = ["Registry", "__version__"]


def __getattr__(name: str) -> Any:
    """Load `Registry` at its first use, so that importing the package loads no database and no network."""
    if name == "Registry":
        from agematch.registry import Registry

        return Registry
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
