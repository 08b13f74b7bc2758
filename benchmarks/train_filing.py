"""Learn the weights of filing from labelled streams, and say how they do on streams they were not learned from.

    python benchmarks/train_filing.py STREAM.jsonl [STREAM.jsonl ...] [--demo seeds/demo] [--vectors FOLDER]

A stream has one article a line, in order of arrival: title, text, published, lang, source, url and story (the label).
Before each article is filed, the evidence for every storyline it is compared with is written down. That is done three
times: filing by the labels; filing by its own decisions, since a filing has to live with its mistakes; and by the
labels again with the titles alone, since many feeds give no more. With `--demo` the demo's wire is a stream as well, in
the order of its times and shuffled like a backlog.

The model is a choice between those storylines and a new one (conditional logit, McFadden 1974): the log-odds of a
storyline against a new one is the weighed sum of its evidence, which is what `FilingOptions` holds. Every stream counts
the same, however long. Vectors are computed, or read from FOLDER/vec_STREAM.npy (of titles: vec_STREAM_titles.npy).

Printed are for each stream the shares of right choices under weights learned from all the others, then the weights
learned from all. The data used: headlines of 2014 (UCI News Aggregator), reports of shootings labelled by incident, an
editors' round-up of 2016 to 2018, the Giveme5W1H clusters, sources of Wikinews articles, the Vietnamese ViMs clusters,
and the demo. The threshold is set afterwards by running whole streams (`FilingOptions.threshold`).

The shipped weights come from a run of this method whose passes were filed under the weights before them; run now, under
the shipped ones, it prints slightly different figures.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize  # type: ignore[import-untyped, unused-ignore]

from pipeline.embedding import Embedder, prepare
from pipeline.records import Article
from pipeline.storylines.filing import Filing
from workers.demo import world

Floats = npt.NDArray[np.float64]
Labelled = tuple[list[Article], list[str]]

# Evidence and the sign its weight must have. What counts as usual cohesion is not learned here but kept.
_SIGNS = {
    "nearness": 1, "cohesion": -1, "crowd": -1, "title": 1, "names": 1, "its names": 1, "its words": 1,
    "its headlines": 1, "length": -1, "silence": -1, "pause": 1, "outlet again": 1,
}  # fmt: skip
_MOST = 8  # storylines compared per article: the nearest by the shipped score
_MOST_CHOICES = 500  # of one pass over one stream, drawn at random: more change little and take long
_PENALTY = 2.0
_OWN, _TITLES, _DEMO = 1.0, 0.7, 0.2  # what a pass counts beside one by labels; the demo has two passes of six orders
_ORDERS = 6
_SEEN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Choices:
    """`values` (articles, _MOST, evidence), `open_to` (articles, _MOST) where there is a storyline, the place of the
    right one, `_MOST` for a new one, and what the pass counts."""

    values: Floats
    open_to: npt.NDArray[np.bool_]
    right: npt.NDArray[np.intp]
    counts: float


@dataclass(frozen=True)
class Model:
    """Weights per evidence of `_SIGNS`, in that order, and the log-odds that an article without any evidence joins."""

    weights: Floats
    bias: float


class Vectors:
    """Vectors of texts, from files where there are any; the model is loaded when it is needed first."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._embedder: Embedder | None = None

    def of(self, name: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        stored = self._folder / f"vec_{name}.npy" if self._folder else None
        if stored is not None and stored.exists():
            kept: npt.NDArray[np.float32] = np.load(stored)
            return kept
        self._embedder = self._embedder or Embedder(threads=1)
        return self._embedder.encode(texts)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:  # not `splitlines`: texts hold line separators of Unicode
        return [json.loads(line) for line in file if line.strip()]


def stream(path: Path, vectors: Vectors) -> Labelled:
    """Articles with vectors, and their labels; a URL that came before is a sighting and left out."""
    rows = _rows(path)
    dense = vectors.of(path.stem, [prepare(row["title"], row["text"]) for row in rows])
    articles, labels, known = [], [], set[str]()
    for number, (row, vector) in enumerate(zip(rows, dense, strict=True), 1):
        url = row.get("url") or ""
        if url in known:
            continue
        known |= {url} if url else set()
        article = Article(
            id=number, title=row["title"], text=row["text"], seen=_SEEN, url=url, outlet=row.get("source") or "",
            lang=row.get("lang"), published=_moment(row.get("published")), vector=vector,
        )  # fmt: skip
        articles.append(article)
        labels.append(row["story"])
    return articles, labels


def titles_only(path: Path, labelled: Labelled, vectors: Vectors) -> Labelled | None:
    """The same stream without texts; None where it has none anyway."""
    if not any(article.text for article in labelled[0]):
        return None
    rows = _rows(path)
    dense = vectors.of(f"{path.stem}_titles", [prepare(row["title"], "") for row in rows])
    return [replace(article, text="", vector=dense[article.id - 1]) for article in labelled[0]], labelled[1]


def demo(seeds: Path, vectors: Vectors) -> list[Labelled]:
    """The demo's articles in the order of their times with delays of up to six hours, and shuffled, in turn."""
    wire = world.load(seeds)
    dense = vectors.of("demo", [prepare(item.title, "\n\n".join(item.paragraphs)) for item in wire.articles])
    labelled = [
        (
            Article(
                id=number, title=item.title, text="\n\n".join(item.paragraphs), seen=_SEEN,
                url=world.item_url(wire, item, 80), outlet=wire.outlets[item.outlet].name,
                lang=wire.outlets[item.outlet].language, published=_SEEN - timedelta(hours=100.0 - item.hours),
                vector=vector,
            ),
            item.story,
        )
        for number, (item, vector) in enumerate(zip(wire.articles, dense, strict=True), 1)
    ]  # fmt: skip
    orders = []
    for seed in range(_ORDERS):
        rng = random.Random(seed)
        late = [rng.random() if seed % 2 else rng.random() * 6 / world.LAST_HOUR for _ in labelled]
        base = [0.0 if seed % 2 else item.hours / world.LAST_HOUR for item in wire.articles]
        order = sorted(range(len(labelled)), key=lambda n: base[n] + late[n])
        orders.append(([labelled[n][0] for n in order], [labelled[n][1] for n in order]))
    return orders


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def choices(labelled: Labelled, counts: float, *, own: bool = False) -> Choices:
    """File a stream by its labels, or by its `own` decisions, and write down what each article had to choose from.

    Right is the storyline that has most of the article's label among those of which it is at least half. Reprints are
    no choice.
    """
    filing, storyline_of = Filing(), dict[str, int]()
    held: defaultdict[int, Counter[str]] = defaultdict(Counter)
    rows: list[tuple[Floats, npt.NDArray[np.bool_], int]] = []
    for article, label in zip(*labelled, strict=True):
        decision = filing.decide(article)
        if decision.copy_of is None and (row := _row(filing, article, label, held)) is not None:
            rows.append(row)
        if own:
            storyline = len(held) + 1 if decision.storyline is None else decision.storyline
        else:
            storyline = storyline_of.setdefault(label, len(storyline_of) + 1)
        filing.file(article, storyline, copy_of=decision.copy_of if decision.storyline == storyline else None)
        held[storyline][label] += 1
    drawn = np.sort(np.random.default_rng(0).permutation(len(rows))[:_MOST_CHOICES])
    values, open_to, right = (np.stack([np.asarray(rows[n][part]) for n in drawn]) for part in range(3))
    return Choices(values, open_to, right, counts)


def _row(
    filing: Filing, article: Article, label: str, held: dict[int, Counter[str]]
) -> tuple[Floats, npt.NDArray[np.bool_], int] | None:
    """None where nothing can be said: there is no storyline yet, or the right one is far down, or none is mostly right
    though one holds some of the label."""
    compared = sorted(filing.compare(article), key=lambda item: -sum(e.contribution for e in item[1]))
    pure = {s: n for s, c in held.items() if (n := c[label]) and 2 * n >= c.total()}
    best = max((s for s, _ in compared if s in pure), key=lambda s: pure[s], default=None)
    kept = compared[:_MOST]
    places = [storyline for storyline, _ in kept]
    if not kept or (best is None and any(held[s][label] for s in places)) or (best is not None and best not in places):
        return None
    values, open_to = np.zeros((_MOST, len(_SIGNS))), np.zeros(_MOST, np.bool_)
    for place, (_, evidence) in enumerate(kept):
        seen = {e.name: e.value for e in evidence}
        values[place] = [seen.get(name, 0.0) for name in _SIGNS]
        open_to[place] = True
    return values, open_to, _MOST if best is None else places.index(best)


def learn(streams: Sequence[Choices]) -> Model:
    """Maximum likelihood with a small quadratic penalty on standardised weights, each of the sign it must have."""
    spread = (
        np.concatenate([s.values[s.open_to] for s in streams]).std(axis=0).clip(1e-3)
    )  # undated streams have constant columns

    def loss(at: Floats) -> tuple[float, Floats]:
        total, slope = _PENALTY * float(at[:-1] @ at[:-1]), np.append(2 * _PENALTY * at[:-1], 0.0)
        for s in streams:
            share, rows = s.counts * 1000.0 / len(s.right), np.arange(len(s.right))
            chances = _chances(s, at[:-1] / spread, float(at[-1]))
            total -= share * float(np.log(chances[rows, s.right] + 1e-12).sum())
            chances[rows, s.right] -= 1.0
            excess = chances[:, :-1] * s.open_to * share
            slope[:-1] += np.einsum("ac,ace->e", excess, s.values) / spread
            slope[-1] += excess.sum()
        return total, slope

    bounds = [(0.0, None) if sign > 0 else (None, 0.0) for sign in _SIGNS.values()] + [(None, None)]
    found = minimize(loss, np.zeros(len(_SIGNS) + 1), jac=True, method="L-BFGS-B", bounds=bounds)
    return Model(found.x[:-1] / spread, float(found.x[-1]))


def right_share(model: Model, s: Choices) -> float:
    """Share of articles for which the model's best choice is the right one."""
    return float(np.mean(_chances(s, model.weights, model.bias).argmax(axis=1) == s.right))


def _chances(s: Choices, weights: Floats, bias: float) -> Floats:
    odds = np.where(s.open_to, s.values @ weights + bias, -np.inf)
    odds = np.concatenate((odds, np.zeros((len(odds), 1))), axis=1)
    powers = np.exp(odds - odds.max(axis=1, keepdims=True))
    chances: Floats = powers / powers.sum(axis=1, keepdims=True)
    return chances


def report(named: dict[str, list[Choices]]) -> Iterator[str]:
    """Lines to print."""
    if len(named) > 1:
        yield "right choices on a stream under weights learned from the others, pass by pass:"
        for name, held_out in named.items():
            model = learn([s for other, passes in named.items() if other != name for s in passes])
            yield f"  {name:24} " + " ".join(f"{right_share(model, s):.3f}" for s in held_out)
            yield "    " + " ".join(f"{w:+.3f}" for w in model.weights) + f" threshold {-model.bias:.3f}"
    model = learn([s for passes in named.values() for s in passes])
    yield "weights learned from all:"
    for name, weight in zip(_SIGNS, model.weights, strict=True):
        yield f"  {name:24} {weight:+.3f}"
    yield f"  threshold                {-model.bias:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("streams", nargs="+", type=Path, metavar="STREAM.jsonl")
    parser.add_argument("--demo", type=Path, help="folder of the demo's seeds")
    parser.add_argument("--vectors", type=Path, help="folder of vec_STREAM.npy files")
    args = parser.parse_args()
    vectors = Vectors(args.vectors)
    named: dict[str, list[Choices]] = {}
    for path in args.streams:
        labelled = stream(path, vectors)
        named[path.stem] = [choices(labelled, 1.0), choices(labelled, _OWN, own=True)]
        bare = titles_only(path, labelled, vectors)
        if bare is not None:
            named[path.stem].append(choices(bare, _TITLES))
    if args.demo:
        orders = demo(args.demo, vectors)
        named["demo"] = [choices(order, _DEMO, own=own) for order in orders for own in (False, True)]
    for line in report(named):
        print(line, flush=True)


if __name__ == "__main__":
    main()
