#!/usr/bin/env python3
"""How well the same photograph, and the same child, are known again among sightings.

    measure_duplicates.py --data ../shared/eval [--photos N] [--processes N] [--video FILE ...]

Of the photographs of FG-NET dev and CACD-VS dev every one is analysed as a night does. A sample of N is altered in each way of
`ALTERATIONS`, and those copies are altered once more. For "the same photograph": which copies are known again, and which pairs
of different photographs, of one person and of strangers, are taken for one. For "the same child": how many strangers a new face
has proposed to it, and how often another photo of the same person from within 2.5 years is proposed, with one, two or three
such sightings. People are split into halves: what is chosen on one half is reported on the other. Frames of `--video` files,
each of one person, are photographs seconds apart.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from agematch.evaluation.datasets import Dataset, read_dataset  # noqa: E402 (the checkout comes first)
from agematch.jobs.pool import Analysers, Task  # noqa: E402
from agematch.match import duplicates  # noqa: E402
from agematch.match.fusion import CosineSpace  # noqa: E402
from agematch.records import AnalysedFace, Analysis, ModelRef  # noqa: E402
from agematch.vision.analyse import EveryFace  # noqa: E402
from agematch.vision.image import Decoded, decode  # noqa: E402
from agematch.vision.settings import VisionSettings  # noqa: E402
from agematch.vision.weights import models_dir  # noqa: E402

SEED = 20
PAIRS_AT_ONCE = 256
SMALL_EYES = (8, 12, 16)
NEAR_YEARS = 2.5
AGE_GROUPS = ((0, 2), (3, 5), (6, 9), (10, 13), (14, 17))
REGISTRIES = ((20, 30), (50, 12), (100, 6))  # (sightings, how many such registries are drawn)

# ---------------------------------------------------------------- what people do to photographs


@dataclass(frozen=True)
class Original:
    """A photograph, upright RGB, and the box of its largest face."""

    rgb: np.ndarray
    box: tuple[float, float, float, float]


Draw = random.Random
Alteration = Callable[[Original, Draw], bytes]


def jpeg(rgb: np.ndarray, quality: int = 92) -> bytes:
    _done, data = cv2.imencode(
        ".jpg", np.ascontiguousarray(rgb[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    return data.tobytes()


def resized(rgb: np.ndarray, factor: float) -> np.ndarray:
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=way)


def cropped(photo: Original, margin: float, draw: Draw) -> np.ndarray:
    """Cut the photo to the face and about so many times its size around it, each side by chance."""
    x, y, width, height = photo.box
    left, top, right, bottom = (margin * draw.uniform(0.5, 1.5) for _side in range(4))
    rows = slice(max(int(y - top * height), 0), int(y + (1 + bottom) * height) + 1)
    columns = slice(max(int(x - left * width), 0), int(x + (1 + right) * width) + 1)
    return photo.rgb[rows, columns]


def toned(rgb: np.ndarray, gain: float, offset: float, gamma: float = 1.0) -> np.ndarray:
    levels = 255 * np.clip(np.arange(256) / 255 * gain + offset / 255, 0, 1) ** gamma
    return np.rint(levels).astype(np.uint8)[rgb]


def grey(rgb: np.ndarray) -> np.ndarray:
    return np.repeat(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2)


def turned(rgb: np.ndarray, degrees: float) -> np.ndarray:
    height, width = rgb.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return cv2.warpAffine(rgb, matrix, (width, height))


def framed(rgb: np.ndarray, draw: Draw) -> np.ndarray:
    """Show the photo as a screenshot does, on black or white."""
    height, width = rgb.shape[:2]
    screen = np.full((int(height * 1.6), int(width * 1.3), 3), draw.choice([0, 255]), np.uint8)
    screen[int(height * 0.3) : int(height * 0.3) + height, int(width * 0.15) : int(width * 0.15) + width] = (
        rgb
    )
    return screen


ALTERATIONS: dict[str, Alteration] = {
    "saved at 30": lambda o, d: jpeg(o.rgb, 30),
    "saved at 60": lambda o, d: jpeg(o.rgb, 60),
    "saved at 95": lambda o, d: jpeg(o.rgb, 95),
    "a third of the size": lambda o, d: jpeg(resized(o.rgb, 1 / 3)),
    "half the size": lambda o, d: jpeg(resized(o.rgb, 1 / 2)),
    "twice the size": lambda o, d: jpeg(resized(o.rgb, 2)),
    "mirrored": lambda o, d: jpeg(o.rgb[:, ::-1]),
    "cropped to the face": lambda o, d: jpeg(cropped(o, 0.12, d)),
    "cropped round the head": lambda o, d: jpeg(cropped(o, 0.35, d)),
    "cropped a little": lambda o, d: jpeg(cropped(o, 0.8, d)),
    "brighter or darker": lambda o, d: jpeg(toned(o.rgb, 1, d.choice([-30, 30]), d.choice([0.75, 1, 1.35]))),
    "other contrast": lambda o, d: jpeg(toned(o.rgb, *d.choice([(0.75, 30), (1.3, -30)]))),
    "grey": lambda o, d: jpeg(grey(o.rgb)),
    "turned by 3 degrees": lambda o, d: jpeg(turned(o.rgb, d.choice([-3, 3]))),
    "screenshot": lambda o, d: jpeg(framed(o.rgb, d), 80),
    "cropped, smaller, brighter": lambda o, d: jpeg(toned(resized(cropped(o, 0.3, d), 0.7), 1, 15, 0.9), 50),
    "cropped, mirrored, smaller": lambda o, d: jpeg(resized(cropped(o, 0.6, d)[:, ::-1], 0.6), 60),
    "grey, smaller, saved at 40": lambda o, d: jpeg(toned(grey(resized(o.rgb, 0.7)), 1.15, -10), 40),
}
FIRST = "cropped, smaller, brighter"
AGAIN = (
    "saved at 60",
    "half the size",
    "mirrored",
    "cropped to the face",
    "grey",
    "grey, smaller, saved at 40",
)

# ---------------------------------------------------------------- photographs become faces


@dataclass(frozen=True)
class Seen:
    """The largest face of a photograph: fingerprint, box, pixels between the eyes, and row of the plain space.

    The fingerprint is empty for no face.
    """

    fingerprint: str
    box: tuple[float, float, float, float]
    eyes: float
    row: np.ndarray


class Analysed:
    """Analyses photographs and keeps count of those that gave no face."""

    def __init__(self, analysers: Analysers, space: CosineSpace) -> None:
        self._analysers = analysers
        self._space = space

    def faces(self, photos: Sequence[bytes]) -> list[Seen]:
        tasks = (Task(i, data, EveryFace()) for i, data in enumerate(photos))
        return [self._seen(analysis) for _i, analysis in self._analysers.run(tasks)]

    def _seen(self, analysis: Analysis | None) -> Seen:
        found = [one for one in analysis.faces if one.templates] if analysis else []
        if not found:
            return Seen("", (0, 0, 0, 0), 0.0, np.zeros(self._space.dim, np.float32))
        largest = max(found, key=lambda one: one.face.box[2] * one.face.box[3])
        return Seen(
            largest.face.fingerprint,
            largest.face.box,
            largest.face.quality.eye_distance_px,
            self._row(largest),
        )

    def _row(self, one: AnalysedFace) -> np.ndarray:
        return self._space.fuse({str(t.model): t.vector for t in one.templates})[0]


def original(data: bytes, seen: Seen) -> Original:
    photo = decode(data, VisionSettings())
    if not isinstance(photo, Decoded):
        raise SystemExit(f"a photograph cannot be read: {photo.detail}")
    return Original(photo.rgb, tuple(side * photo.scale for side in seen.box))


# ---------------------------------------------------------------- pairs


@dataclass(frozen=True)
class PairsOf:
    """Pairs of faces: their likeness (-1 below the cosine that is asked for), cosine, and half of the people, 0 or 1."""

    likeness: np.ndarray
    cosine: np.ndarray
    half: np.ndarray

    def where(self, chosen: np.ndarray) -> PairsOf:
        return PairsOf(self.likeness[chosen], self.cosine[chosen], self.half[chosen])


def compared(ones: Sequence[Seen], others: Sequence[Seen], half: np.ndarray, roughly: float) -> PairsOf:
    cosine = np.array([float(a.row @ b.row) for a, b in zip(ones, others, strict=True)])
    likeness = np.full(len(ones), -1.0)
    near = np.flatnonzero(cosine >= duplicates.SAME_PHOTO_COSINE)
    for start in range(0, len(near), PAIRS_AT_ONCE):
        some = near[start : start + PAIRS_AT_ONCE]
        likeness[some] = duplicates.likeness(
            [ones[i].fingerprint for i in some], [others[i].fingerprint for i in some], roughly
        )
    return PairsOf(likeness, cosine, half)


@dataclass(frozen=True)
class Photos:
    """The faces of a data set in the order of its photos; people are split into halves."""

    data: Dataset
    seen: list[Seen]
    digest: list[str]
    half: np.ndarray

    def pairs(self, same: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return rows of all pairs of one person, or of strangers, of one half; photos with the same bytes are left out."""
        name = np.array([photo.person for photo in self.data.photos])
        group = np.array([photo.stranger or photo.person for photo in self.data.photos])
        first, second = np.triu_indices(len(name), 1)
        alike = name[first] == name[second]
        take = alike if same else group[first] != group[second]
        digest = np.array(self.digest)
        take &= (digest[first] != digest[second]) & (self.half[first] == self.half[second])
        return first[take], second[take]

    def of(self, rows: np.ndarray) -> list[Seen]:
        return [self.seen[i] for i in rows]


def halves(data: Dataset) -> np.ndarray:
    """Return for each photo 0 or 1; all photos of a person, or of a fold, are in one half."""
    groups = sorted({photo.stranger or photo.person for photo in data.photos})
    if len(groups) > 4:
        random.Random(SEED).shuffle(groups)
    side = {group: i % 2 for i, group in enumerate(groups)}
    return np.array([side[photo.stranger or photo.person] for photo in data.photos])


# ---------------------------------------------------------------- the same photograph


def copies(
    analysed: Analysed, of: Sequence[tuple[bytes, Seen]]
) -> Iterator[tuple[str, list[Seen], list[Seen]]]:
    """Yield each alteration with the copies, and what they are copies of."""
    draw = random.Random(SEED)
    before = [seen for _data, seen in of]
    originals = [original(data, seen) for data, seen in of]
    firsts: list[bytes] = []
    for name, alter in ALTERATIONS.items():
        files = [alter(one, draw) for one in originals]
        firsts = files if name == FIRST else firsts
        yield name, before, analysed.faces(files)
    first = analysed.faces(firsts)
    kept = [i for i, seen in enumerate(first) if seen.fingerprint]
    again = [original(firsts[i], first[i]) for i in kept]
    for name in AGAIN:
        found = analysed.faces([ALTERATIONS[name](one, draw) for one in again])
        yield f"that copy, {name}", [before[i] for i in kept], found
        yield f"that copy, {name}, and the copy", [first[i] for i in kept], found


def share(yes: np.ndarray) -> str:
    return f"{100 * yes.mean():6.2f} % of {len(yes)}"


def bound(wrong: int, n: int) -> str:
    """Return a count with the upper end of its 95 % interval as a rate: 3 / n for none, else normal."""
    upper = 3 / n if not wrong else (wrong + 1.96 * wrong**0.5 + 2) / n
    return f"{wrong} of {n:,} (rate below {upper:.1e})"


def same_photograph(
    analysed: Analysed, sets: Sequence[Photos], sample: Sequence[tuple[bytes, Seen, int]]
) -> None:
    half = np.array([side for _data, _seen, side in sample])
    altered: dict[str, PairsOf] = {}
    print("\nThe same photograph: copies known again")
    for name, before, after in copies(analysed, [(data, seen) for data, seen, _side in sample]):
        here = half if len(before) == len(half) else np.zeros(len(before), int)
        altered[name] = compared(after, before, here, duplicates.ROUGHLY)
        lost = sum(not seen.fingerprint for seen in after)
        known = altered[name].likeness >= duplicates.SAME_PHOTO
        low = np.quantile(altered[name].likeness, 0.005)
        print(f"  {name:48s} {share(known)}   likeness of the last in 200: {low:.3f}   no face: {lost}")
    print("\nThe same photograph: pairs of different photographs that are taken for one")
    wrong: dict[str, list[PairsOf]] = {"one person": [], "strangers": []}
    for name, same in (("one person", True), ("strangers", False)):
        for photos in sets:
            first, second = photos.pairs(same)
            pairs = compared(photos.of(first), photos.of(second), photos.half[first], duplicates.ROUGHLY)
            wrong[name].append(pairs)
            taken = int((pairs.likeness >= duplicates.SAME_PHOTO).sum())
            print(
                f"  {photos.data.name}, {name:11s} {bound(taken, len(first))}, likest {np.sort(pairs.likeness)[-3:].round(3)}"
            )
    print("\nThe same photograph: a threshold chosen on one half of the people, reported on the other")
    whole = [name for name in altered if len(altered[name].half) == len(half)]
    for chosen_on in (0, 1):
        here = [altered[n].where(altered[n].half == chosen_on).likeness for n in whole]
        there = [altered[n].where(altered[n].half != chosen_on).likeness for n in whole]
        false_here = np.concatenate(
            [p.likeness[p.half == chosen_on] for kind in wrong.values() for p in kind]
        )
        false_there = np.concatenate(
            [p.likeness[p.half != chosen_on] for kind in wrong.values() for p in kind]
        )
        threshold = (np.quantile(np.concatenate(here), 0.005) + false_here.max()) / 2
        print(
            f"  chosen {threshold:.3f}; copies known again {share(np.concatenate(there) >= threshold)}; "
            f"taken for one {bound(int((false_there >= threshold).sum()), len(false_there))}"
        )


def small_faces(analysed: Analysed, photos: Photos, files: Sequence[bytes]) -> None:
    """Print what happens where both photos of a pair have lost their detail."""
    first, second = photos.pairs(True)
    print(f"\nThe same photograph: {photos.data.name} with few pixels between the eyes, saved at 40")
    for eyes in SMALL_EYES:
        small = analysed.faces(
            [
                jpeg(resized(original(data, seen).rgb, min(eyes / seen.eyes, 1)), 40)
                for data, seen in zip(files, photos.seen, strict=True)
            ]
        )
        found = [i for i, seen in enumerate(small) if seen.fingerprint]
        again = compared([small[i] for i in found], photos.of(np.array(found)), np.zeros(len(found)), -1)
        pairs = compared([small[i] for i in first], [small[i] for i in second], np.zeros(len(first)), -1)
        taken = int((pairs.likeness >= duplicates.SAME_PHOTO).sum())
        print(
            f"  {eyes:2d} pixels: a face in {len(found)} of {len(small)}; known again "
            f"{share(again.likeness >= duplicates.SAME_PHOTO)}; pairs of one person taken for one {bound(taken, len(first))}, "
            f"likest {np.sort(pairs.likeness)[-3:].round(3)}"
        )


def videos(analysed: Analysed, files: Sequence[Path]) -> None:
    for file in files:
        film = cv2.VideoCapture(str(file))
        rate = film.get(cv2.CAP_PROP_FPS)
        frames = []
        while (read := film.read())[0]:
            frames.append(read[1][:, :, ::-1])
        step = max(1, round(rate / 8))
        seen = analysed.faces([jpeg(frame) for frame in frames[::step]])
        first, second = np.triu_indices(len(seen), 1)
        pairs = compared([seen[i] for i in first], [seen[i] for i in second], first * 0, duplicates.ROUGHLY)
        apart = (second - first) * step / rate
        print(f"\nFrames of {file.name} that are taken for one photograph")
        for low, high in ((0, 0.3), (0.3, 0.7), (0.7, 1.5), (1.5, 3), (3, 60)):
            here = (apart > low) & (apart <= high)
            if here.any():
                print(f"  {low} to {high} s apart: {share(pairs.likeness[here] >= duplicates.SAME_PHOTO)}")


# ---------------------------------------------------------------- the same child


@dataclass(frozen=True)
class Links:
    """False proposals of each probe, its age, and for 1, 2 and 3 sightings of the same child whether each was proposed."""

    false: np.ndarray
    age: np.ndarray
    found: dict[int, list[bool]]
    found_age: list[float]


def links(rows: np.ndarray, people: np.ndarray, ages: np.ndarray) -> Links:
    """Let each photo in turn be the new one among all others, one photo a sighting."""
    cosine = rows @ rows.T
    false = np.zeros(len(rows))
    found: dict[int, list[bool]] = {1: [], 2: [], 3: []}
    found_age = []
    for i in range(len(rows)):
        strangers = np.flatnonzero(people != people[i])
        nearest = strangers[np.argsort(-cosine[i, strangers])][: duplicates.NEIGHBOURS]
        names = [str(j) for j in nearest]
        false[i] = duplicates.same_child(cosine[i, nearest], names, len(strangers)).sum()
        near = np.flatnonzero((people == people[i]) & (np.abs(ages - ages[i]) <= NEAR_YEARS))
        mates = near[near != i]
        for number in found:
            for start in range(len(mates) - number + 1):
                some = mates[start : start + number]
                both = np.concatenate([cosine[i, some], cosine[i, nearest]])
                answer = duplicates.same_child(both, [*map(str, some), *names], len(strangers) + number)
                found[number] += [bool(yes) for yes in answer[:number]]
                if number == 1:
                    found_age.append(ages[i])
    return Links(false, ages, found, found_age)


def told(name: str, one: Links) -> None:
    several = "  ".join(
        f"with {n}: {np.mean(yes):.2f} ({len(yes)})" if yes else f"with {n}: none"
        for n, yes in one.found.items()
    )
    print(
        f"  {name:34s} false proposals a new face {one.false.mean():.3f} ({len(one.false)} faces); found {several}"
    )


def same_child(photos: Photos, grown: Photos) -> None:
    rows = np.stack([seen.row for seen in photos.seen])
    people = np.array([photo.person for photo in photos.data.photos])
    ages = np.array([photo.age for photo in photos.data.photos])
    babies = np.flatnonzero(ages <= 2)
    apart = people[babies][:, None] != people[babies]
    level = (rows[babies] @ rows[babies].T)[apart & np.triu(np.ones_like(apart), 1).astype(bool)]
    print("\nThe same child: strangers and other photos of the same person, at most 2.5 years apart")
    print(
        f"  strangers aged 0 to 2: mean cosine {level.mean():.3f}, deviation {level.std():.3f} ({len(level)} pairs)"
    )

    def of(chosen: np.ndarray) -> Links:
        return links(rows[chosen], people[chosen], ages[chosen])

    child = ages < 18
    told("0 to 17", of(child))
    told("0 to 17, half of the people", of(child & (photos.half == 0)))
    told("0 to 17, the other half", of(child & (photos.half == 1)))
    told("all ages", of(ages >= 0))
    told("0 to 5", of(ages < 6))
    told("6 to 12", of((ages >= 6) & (ages < 13)))
    told("20 of 0 to 2 and all over 18", of((ages > 18) | ((ages <= 2) & (np.cumsum(ages <= 2) <= 20))))
    whole = of(child)
    for low, high in AGE_GROUPS:
        false = whole.false[(whole.age >= low) & (whole.age <= high)]
        yes = [y for y, age in zip(whole.found[1], whole.found_age, strict=True) if low <= age <= high]
        print(
            f"    of those, {low} to {high}: false {false.mean():.3f} ({len(false)}); found {np.mean(yes):.2f} ({len(yes)})"
        )
    generator = np.random.default_rng(SEED)
    for number, times in REGISTRIES:
        drawn = [of(generator.permutation(np.flatnonzero(child))[:number]) for _ in range(times)]
        merged = {n: [yes for one in drawn for yes in one.found[n]] for n in (1, 2, 3)}
        told(f"{number} of 0 to 17", Links(np.concatenate([one.false for one in drawn]), ages, merged, []))
    told_of_grown(grown)


def told_of_grown(photos: Photos) -> None:
    """Print false proposals in a large registry of adults: a probe of each fourth photo, strangers from other folds."""
    once = sorted(
        {digest: i for i, digest in enumerate(photos.digest)}.values()
    )  # a photo may stand in several pairs
    rows = np.stack([photos.seen[i].row for i in once])
    fold = np.array([photos.data.photos[i].stranger for i in once])
    person = np.array([photos.data.photos[i].person for i in once])
    false = []
    for i in range(0, len(rows), 4):
        strangers = np.flatnonzero(fold != fold[i])
        cosine = rows[strangers] @ rows[i]
        nearest = np.argsort(-cosine)[: 2 * duplicates.NEIGHBOURS]
        answer = duplicates.same_child(cosine[nearest], list(person[strangers][nearest]), len(strangers))
        false.append(int(answer.sum()))
    print(
        f"  {photos.data.name}, {len(strangers)} strangers    false proposals a new face {np.mean(false):.3f} "
        f"({len(false)} faces), faces with any {np.mean(np.array(false) > 0):.3f}"
    )


def drawn_strangers() -> None:
    """Print false proposals where the cosines of strangers are normally distributed, and all babies or less alike."""
    generator = np.random.default_rng(SEED)
    names = [str(i) for i in range(duplicates.NEIGHBOURS)]
    upper = np.vectorize(lambda share: NormalDist().inv_cdf(1 - share))
    print("\nThe same child: strangers drawn from a normal distribution")
    for known in (100, 1_000, 10_000, 100_000):
        # the largest of many uniform numbers, in order, are sums of exponential ones over the sum of all
        sums = np.cumsum(generator.exponential(size=(4000, len(names))), axis=1)
        total = sums[:, -1:] + generator.gamma(known + 1 - len(names), size=(len(sums), 1))
        nearest = upper(sums / total)
        told = []
        for mean, deviation in (duplicates.YOUNGEST, (0.5, 0.055)):
            rows = mean + deviation * nearest
            told.append(np.mean([duplicates.same_child(row, names, known).sum() for row in rows]))
        print(f"  among {known:6d}: babies {told[0]:.3f}, others {told[1]:.3f}")


# ---------------------------------------------------------------- all of it


def main() -> None:
    """Analyse, alter, compare and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with fgnet-dev and cacd-vs-dev")
    parser.add_argument("--photos", type=int, default=150, help="photos that are altered")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--video", type=Path, action="append", default=[], help="a film of one person")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    began = time.monotonic()
    models = [ModelRef("dlib", "v1", 128), ModelRef("sface", "2021dec-int8bq", 128)]
    with Analysers(models_dir(), VisionSettings(), options.processes) as analysers:
        analysed = Analysed(analysers, duplicates.plain_space(models))
        sets, files = [], []
        for name in ("fgnet-dev", "cacd-vs-dev"):
            data = read_dataset(options.data / name)
            photos = [(data.folder / photo.file).read_bytes() for photo in data.photos]
            seen = analysed.faces(photos)
            digests = [str(hash(one)) for one in photos]
            sets.append(Photos(data, seen, digests, halves(data)))
            files += [(one, face, side) for one, face, side in zip(photos, seen, sets[-1].half, strict=True)]
            print(
                f"{name}: {len(photos)} photographs, {sum(bool(s.fingerprint) for s in seen)} with a fingerprint"
            )
        family = len(sets[0].seen)
        usable = [i for i, (_data, face, _half) in enumerate(files) if face.fingerprint]
        draw = random.Random(SEED)
        of_family = draw.sample([i for i in usable if i < family], round(options.photos * 2 / 3))
        of_others = draw.sample([i for i in usable if i >= family], options.photos - len(of_family))
        same_photograph(analysed, sets, [files[i] for i in of_family + of_others])
        small_faces(analysed, sets[0], [data for data, _face, _half in files[:family]])
        videos(analysed, options.video)
        same_child(sets[0], sets[1])
        drawn_strangers()
    print(f"\n{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
