"""What filing remembers, in parts that can be stored: which of them changed, and how each is written and read.

A part has a key and a content; most are a storyline each (`strand/ID`), so that what is stored after some articles is
what these articles changed. Tables of counts are stored whole now and then (`terms/base`), and in between as what was
added (`terms/NUMBER`). No pickle: numbers, arrays and JSON, compressed by zstd.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import zstandard

from pipeline.errors import InputError
from pipeline.storylines.copies import CopyIndex, Original
from pipeline.storylines.evidence import FEATURES_MAKE, TERM_SPACE, Features, pack_features, unpack_features
from pipeline.storylines.members import Strand, Sums
from pipeline.storylines.options import FilingOptions

FORMAT = 2
"""Counts up whenever parts are written otherwise, or mean something else."""
_SHAPING = ("recent_members", "background_articles", "background_languages", "max_storylines", "max_originals")
"""Options that shape what is remembered; the others only decide, and may differ."""
_LEVEL = 1
_MOST_ADDED = 4_000_000  # places of terms that wait to be stored; more, and the tables are stored whole
_ORIGINALS = 64
"""Originals in one part."""
_STRAND = struct.Struct("<qIQQdddddiiIIIIIII")
_ORIGINAL = struct.Struct("<qqddBqII")
_NO = float("nan")

_pack, _unpack = zstandard.ZstdCompressor(level=_LEVEL).compress, zstandard.ZstdDecompressor().decompress


class Keeper:
    """Notes what changed since parts were last stored."""

    def __init__(self) -> None:
        self.strands: set[int] = set()
        self.stored: set[int] = set()
        """Storylines that have a part."""
        self.segments: set[int] = set()
        """Segments of originals that have a part."""
        self.added: list[int] = []
        """Numbers of the parts with what was added to the tables of terms."""
        self._places: list[npt.NDArray[np.int32]] | None = None
        self._waiting = 0
        self._since = 0
        self.halved = 0
        self.generation = 0

    def changed(self, storyline: int) -> None:
        """The storyline's part is out of date."""
        self.strands.add(storyline)

    def counted(self, places: npt.NDArray[np.int32]) -> None:
        """An article's terms were counted at these places of the tables."""
        if self._places is not None:
            self._places.append(places)
            self._waiting += len(places)
            if self._waiting > _MOST_ADDED:
                self._places = None

    def begin(self, *, since: int = 0, halved: int = 0) -> None:
        """The tables are stored as they are: from here on what is added will do; `since` the last time they were
        stored whole so many places were added."""
        self._places, self._waiting, self._since, self.halved = [], 0, since, halved

    def terms(self, table: npt.NDArray[np.float32], halved: int, *, whole: bool) -> Iterator[tuple[str, bytes | None]]:
        """The parts for the tables of terms. Whole when as much was added as the tables hold, so that storing costs in
        proportion to what was filed."""
        filled = int(np.count_nonzero(table)) if self._places is None or self._waiting else 0
        too_much = self._since + self._waiting > max(200_000, 2 * filled)
        if whole or self._places is None or halved != self.halved or (self._waiting and too_much):
            yield "terms/base", pack_table(table)
            for number in self.added:
                yield f"terms/{number}", None
            self.added = []
            self.begin(halved=halved)
        elif self._waiting:
            places, counts = np.unique(np.concatenate(self._places), return_counts=True)
            number = self.added[-1] + 1 if self.added else 1
            self.added.append(number)
            yield f"terms/{number}", pack_arrays(places.astype(np.int32), counts.astype(np.float32))
            self.begin(since=self._since + self._waiting, halved=halved)

    def originals(self, copies: CopyIndex, *, whole: bool) -> Iterator[tuple[str, bytes | None]]:
        """The segments of originals that changed, or all."""
        changed = {order // _ORIGINALS for order in copies.changed}
        if whole:
            changed |= {original.order // _ORIGINALS for original in copies.known()} | self.segments
        for segment in sorted(changed):
            held = copies.between(segment * _ORIGINALS, (segment + 1) * _ORIGINALS)
            if held:
                self.segments.add(segment)
                yield f"copies/{segment}", pack_originals(held)
            elif segment in self.segments:
                self.segments.discard(segment)
                yield f"copies/{segment}", None
        copies.changed.clear()

    def resume(self, parts: Parts, generation: int) -> None:
        """Nothing has changed since these parts were stored."""
        self.strands.clear()
        self.stored = {strand.storyline for strand, _ in parts.strands}
        self.segments = {int(key) for key in parts.of("copies")}
        self.added = sorted(int(key) for key in parts.of("terms") if key != "base")
        self.generation = generation
        self.begin(since=parts.added)


class Parts:
    """The parts of a stored state as they come in, in any order. Raises InputError when they are of another make."""

    def __init__(self, parts: Iterable[tuple[str, bytes]], options: FilingOptions) -> None:
        self.strands: list[tuple[Strand, tuple[int, int]]] = []
        self.added = 0
        """Places added to the tables of terms since they were stored whole."""
        self._others: dict[str, bytes] = {}
        for key, content in parts:
            if key.startswith("strand/"):
                self.strands.append(unpack_strand(content))
            else:
                self._others[key] = content
        if "meta" not in self._others:
            raise InputError("the stored state of filing is incomplete: rebuild it from the articles")
        self.outline: dict[str, Any] = unpack_json(self._others["meta"])
        if (self.outline.get("format"), self.outline.get("make")) != (FORMAT, FEATURES_MAKE):
            raise InputError("the stored state of filing is of another version: rebuild it from the articles")
        if self.outline["options"] != shaping(options):
            raise InputError("the stored state of filing was made with other options: rebuild it from the articles")

    def of(self, kind: str) -> dict[str, bytes]:
        """Parts of a kind by the rest of their key."""
        start = len(kind) + 1
        return {key[start:]: content for key, content in self._others.items() if key.startswith(f"{kind}/")}

    def terms(self) -> npt.NDArray[np.float32]:
        """The tables of terms."""
        table, held = np.zeros(3 * TERM_SPACE, np.float32), self.of("terms")
        add_table(table, held.pop("base"), base=True)
        for content in held.values():
            self.added += add_table(table, content, base=False)
        return table

    def background(self) -> dict[str, list[npt.NDArray[Any]]]:
        """Segments of what was filed lately."""
        return {key: unpack_arrays(content, "<i2", "<i8", "<i8") for key, content in self.of("background").items()}

    def rhythm(self) -> Mapping[str, Any]:
        """What was counted of pauses and outlets."""
        found: Mapping[str, Any] = unpack_json(self._others["rhythm"])
        return found

    def originals(self) -> list[Original]:
        """Originals, the oldest first."""
        found = [original for content in self.of("copies").values() for original in unpack_originals(content)]
        return sorted(found, key=lambda original: original.order)

    def pivots(self, dimension: int | None) -> npt.NDArray[np.float32] | None:
        """The pivots of the groups of vectors; None where there are none."""
        content = self._others.get("pivots")
        if content is None or dimension is None:
            return None
        found: npt.NDArray[np.float32] = unpack_arrays(content, "<f2")[0].astype(np.float32).reshape(-1, dimension)
        return found


def shaping(options: FilingOptions) -> dict[str, Any]:
    """The options that a stored state depends on."""
    every = asdict(options)
    return {name: every[name] for name in _SHAPING}


def pack_json(value: Any) -> bytes:
    """Plain values; floats come back as they were."""
    return _pack(json.dumps(value, ensure_ascii=True).encode())


def unpack_json(content: bytes) -> Any:
    """Raises InputError when it cannot be read, as all that reads here."""
    return json.loads(expand(content))


def expand(content: bytes) -> bytes:
    """The content of a part without compression."""
    try:
        return _unpack(content)
    except zstandard.ZstdError as error:
        raise InputError(f"the stored state of filing is damaged ({error}): rebuild it from the articles") from error


def pack_arrays(*arrays: npt.NDArray[Any]) -> bytes:
    """Arrays one after another, without their types, which the reader knows."""
    return _pack(b"".join(struct.pack("<Q", array.nbytes) + array.tobytes() for array in arrays))


def unpack_arrays(content: bytes, *types: str) -> list[npt.NDArray[Any]]:
    """The arrays again, writable."""
    raw, at, found = expand(content), 0, []
    for kind in types:
        size = struct.unpack_from("<Q", raw, at)[0]
        found.append(np.frombuffer(raw[at + 8 : at + 8 + size], kind).copy())
        at += 8 + size
    return found


def pack_table(table: npt.NDArray[np.float32]) -> bytes:
    """The places that hold something."""
    places = np.flatnonzero(table)
    return pack_arrays(np.diff(places, prepend=0).astype(np.uint32), table[places])


def add_table(table: npt.NDArray[np.float32], content: bytes, *, base: bool) -> int:
    """Add what a part holds to the tables of terms; returns how many places were counted."""
    places, counts = unpack_arrays(content, "<u4" if base else "<i4", "<f4")
    at = np.cumsum(places.astype(np.int64)) if base else places
    table[at] += counts
    return int(counts.sum())


def pack_strand(strand: Strand, group: tuple[int, int]) -> bytes:
    """One storyline with its vector's generation and group."""
    vectors, dense, seed = strand.vectors, strand.dense, strand.seed
    packed = b"" if seed is None else pack_features(seed)
    tail = json.dumps([list(strand.outlets), "" if seed is None else seed.lang]).encode()
    of_seed = b"" if seed is None or seed.dense is None else seed.dense.tobytes()
    first, last = (_NO if moment is None else moment for moment in (strand.first, strand.last))
    counts = (
        len(strand.sums.keys), len(strand.recent), 0 if vectors is None else len(vectors),
        0 if vectors is None else vectors.shape[1], 0 if dense is None else len(dense), len(packed), len(of_seed),
    )  # fmt: skip
    head = _STRAND.pack(
        strand.storyline, strand.members, strand.articles, strand.touched, first, last, strand.seen,
        strand.sums.title_length, strand.sums.names_length, *group, *counts,
    )  # fmt: skip
    arrays = (
        strand.sums.keys.astype("<i4"), strand.sums.values.astype("<f4"), np.array(strand.recent, "<i8"),
        np.empty(0, np.int16) if vectors is None else vectors, np.empty(0, np.float32) if dense is None else dense,
    )  # fmt: skip
    return _pack(head + b"".join(array.tobytes() for array in arrays) + packed + of_seed + tail)


def unpack_strand(content: bytes) -> tuple[Strand, tuple[int, int]]:
    """The storyline again, and its vector's generation and group."""
    raw = expand(content)
    (storyline, members, articles, touched, first, last, seen, title_length, names_length, generation, group,
     keys, recent, vectors, dimension, dense, packed, of_seed) = _STRAND.unpack_from(raw)  # fmt: skip
    at = _STRAND.size

    def take(count: int, kind: str) -> npt.NDArray[Any]:
        nonlocal at
        found = np.frombuffer(raw, kind, count, at)
        at += found.nbytes
        return found.copy()

    strand = Strand(storyline, Sums(take(keys, "<i4"), take(keys, "<f4"), title_length, names_length), members)
    strand.recent = take(recent, "<i8").tolist()
    if dimension:
        strand.vectors = take(vectors * dimension, "<i2").reshape(vectors, dimension)
    if dense:
        strand.dense = take(dense, "<f4")
    strand.first, strand.last = None if first != first else first, None if last != last else last  # noqa: PLR0124
    strand.seen, strand.articles, strand.touched = seen, articles, touched
    stored, at = raw[at : at + packed], at + packed
    seed_vector, at = np.frombuffer(raw[at : at + of_seed], "<f4").copy(), at + of_seed
    outlets, lang = json.loads(raw[at:])
    for outlet in outlets:
        strand.reported_by(outlet)
    if packed:
        strand.seed = _seed(stored, seed_vector if of_seed else None, lang)
    return strand, (generation, group)


def _seed(stored: bytes, vector: npt.NDArray[np.float32] | None, lang: str) -> Features:
    found = unpack_features(stored, None, None)
    if found is None:
        raise InputError("the stored state of filing has words of another make: rebuild it from the articles")
    return Features(found.title, found.body, found.names, vector, lang, found.titled)


def pack_originals(originals: list[Original]) -> bytes:
    """A segment of the originals that reprints are compared with."""
    parts = []
    for o in originals:
        url = o.url.encode("utf-8", "surrogatepass")
        written = _NO if o.written is None else o.written
        head = _ORIGINAL.pack(o.article, o.storyline, written, o.seen, o.told, o.order, len(url), len(o.mark))
        parts.append(head + url + o.mark)
    return _pack(b"".join(parts))


def unpack_originals(content: bytes) -> Iterator[Original]:
    """The originals again."""
    raw, at = expand(content), 0
    while at < len(raw):
        article, storyline, written, seen, told, order, url, mark = _ORIGINAL.unpack_from(raw, at)
        at += _ORIGINAL.size
        yield Original(
            article, storyline, raw[at : at + url].decode("utf-8", "surrogatepass"), raw[at + url : at + url + mark],
            None if written != written else written, seen, bool(told), order,  # noqa: PLR0124
        )  # fmt: skip
        at += url + mark
