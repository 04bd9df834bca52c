"""Samples of faces that are the same for everyone and hardly change as the gallery does."""

from __future__ import annotations

import numpy as np

from agematch.store.index.segments import Ids


def draw(ids: Ids, number: int, seed: int) -> Ids:
    """Return up to `number` of some ascending ids, ascending, as good as drawn at random without replacement.

    Each id has a lot that depends on it and the seed alone, and the lowest are drawn (bottom-k sampling, Cohen and
    Kaplan 2007): one id more or less changes the sample by one at most. Lots are SplitMix64 of the id (Steele, Lea and
    Flood 2014).
    """
    if number < 0:
        raise ValueError(f"{number} vectors cannot be drawn")
    if number >= len(ids):
        return ids.copy()
    lots = ids.astype(np.uint64) + np.uint64(seed * 0xD1342543DE82EF95 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        lots = (lots ^ (lots >> np.uint64(shift))) * np.uint64(factor)
    return np.sort(ids[np.argpartition(lots, number)[:number]])
