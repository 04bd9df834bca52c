"""Which segments are written anew, so that their number and what is struck in them stay small."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from agematch.store.index.block import Block

SMALL_SEGMENTS = 32  # where there are more that are less than half full, they are put together
STRUCK_TO_HELD = 1 / 3  # a segment with more struck rows to those held is written anew without them


def worn(blocks: Sequence[Block], full: int) -> list[str]:
    """Return the names of the segments that are worth writing anew; `full` is how many rows fill one.

    Small ones are put together only when they are many, so that adding ten vectors seldom writes more than ten.
    """
    many_small = sum(len(block) < full / 2 for block in blocks) > SMALL_SEGMENTS
    return [
        block.name
        for block in blocks
        if (many_small and len(block) < full / 2) or block.struck > len(block) * STRUCK_TO_HELD
    ]


def groups(blocks: Sequence[Block], names: Collection[str], full: int) -> list[list[str]]:
    """Return these segments by which of them go together into one; their names only, so that blocks can be let go."""
    found: list[list[str]] = []
    filled = full
    for block in blocks:
        if block.name not in names:
            continue
        if filled + len(block) > full:
            found.append([])
            filled = 0
        found[-1].append(block.name)
        filled += len(block)
    return found
