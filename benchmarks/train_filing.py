"""Learn the weights of filing from labelled streams, and say how they do on streams they were not learned from.

    python benchmarks/train_filing.py STREAM.jsonl [STREAM.jsonl ...] [--vectors FOLDER] [--without SHARE]

A stream has one article a line, in order of arrival: title, text, published, lang, source, url and story (the label).
Each stream is filed by its labels; before each article is filed, the evidence for every storyline it is compared with
is written down. The model is a choice between those storylines and a new one (conditional logit, McFadden 1974): the
log-odds of a storyline against a new one is the weighed sum of its evidence, which is what `FilingOptions` holds.
Every stream counts the same, however long. Vectors are computed, or read from FOLDER/vec_STREAM.npy where there.

Printed are the shares of right choices for each stream under weights learned from all the others, then the weights
learned from all. Choices are right or wrong here after a perfect past; running on its own mistakes, a filing that joins
too gladly builds giants, so the threshold is set afterwards by running (`FilingOptions.threshold`).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize  # type: ignore[import-untyped, unused-ignore]

from pipeline.embedding import Embedder, prepare
from pipeline.records import Article
from pipeline.storylines.filing import Filing

Floats = npt.NDArray[np.float64]

# Every evidence with weight 1: its contribution is then its value. The share of the usual cohesion is learned too, as
# the difference between an evidence with usual cohesion 1 and one with 0.
_SIGNS = {
    "nearness": 1, "title": 1, "body": 1, "member": 1, "names": 1, "its names": 1, "its words": 1, "its headlines": 1,
    "length": -1, "cohesion": -1, "usual cohesion": -1, "silence": -1,
}  # fmt: skip
_MOST = 8  # storylines compared per article: the nearest by the shipped score, and the right one
_PENALTY = 1.0
_SEEN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Choices:
    """`values` (articles, _MOST, evidence), `open_to` (articles, _MOST) where there is a storyline, and the place of
    the right one, `_MOST` for a new one."""

    values: Floats
    open_to: npt.NDArray[np.bool_]
    right: npt.NDArray[np.intp]


@dataclass(frozen=True)
class Model:
    """Weights per evidence of `_SIGNS`, in that order, and the log-odds that an article without any evidence joins."""

    weights: Floats
    bias: float


def stream(path: Path, vectors: Path | None) -> tuple[list[Article], list[str]]:
    """Articles with vectors, and their labels."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    stored = vectors / f"vec_{path.stem}.npy" if vectors else None
    if stored is not None and stored.exists():
        dense = np.load(stored)
    else:
        dense = Embedder(threads=1).encode([prepare(row["title"], row["text"]) for row in rows])
    articles = [
        Article(
            id=number, title=row["title"], text=row["text"], seen=_SEEN, url=row.get("url") or "",
            outlet=row.get("source") or "", lang=row.get("lang"),
            published=_moment(row.get("published")), vector=vector,
        )
        for number, (row, vector) in enumerate(zip(rows, dense, strict=True), 1)
    ]  # fmt: skip
    return articles, [row["story"] for row in rows]


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def choices(articles: Sequence[Article], labels: Sequence[str]) -> Choices:
    """File a stream by its labels and write down what each article had to choose from; reprints are no choice."""
    filing, storyline_of = Filing(), dict[str, int]()
    rows: list[tuple[Floats, npt.NDArray[np.bool_], int]] = []
    for article, label in zip(articles, labels, strict=True):
        storyline = storyline_of.setdefault(label, len(storyline_of) + 1)
        decision = filing.decide(article)
        if decision.copy_of is None:
            rows.append(_row(filing, article, storyline))
        reprint = decision.copy_of if decision.storyline == storyline else None
        filing.file(article, storyline, copy_of=reprint)
    return Choices(
        np.stack([row[0] for row in rows]), np.stack([row[1] for row in rows]), np.array([row[2] for row in rows])
    )


def _row(filing: Filing, article: Article, storyline: int) -> tuple[Floats, npt.NDArray[np.bool_], int]:
    compared = sorted(filing.compare(article), key=lambda item: -sum(e.contribution for e in item[1]))
    kept = compared[:_MOST]
    late = [item for item in compared[_MOST:] if item[0] == storyline]
    if late:
        kept[-1] = late[0]
    values, open_to = np.zeros((_MOST, len(_SIGNS))), np.zeros(_MOST, np.bool_)
    right = _MOST
    usual = filing.options.usual_cohesion
    for place, (candidate, evidence) in enumerate(kept):
        seen = {e.name: e.value for e in evidence}
        doubt = filing.doubt(candidate)
        seen["usual cohesion"] = doubt
        seen["cohesion"] = seen.get("cohesion", 0.0) - doubt * usual
        values[place] = [seen.get(name, 0.0) for name in _SIGNS]
        open_to[place] = True
        if candidate == storyline:
            right = place
    return values, open_to, right


def learn(streams: Sequence[Choices]) -> Model:
    """Maximum likelihood with a small quadratic penalty on standardised weights, each of the sign it must have."""
    spread = np.concatenate([s.values[s.open_to] for s in streams]).std(axis=0) + 1e-9

    def loss(at: Floats) -> tuple[float, Floats]:
        total, slope = _PENALTY * float(at[:-1] @ at[:-1]), np.append(2 * _PENALTY * at[:-1], 0.0)
        for s in streams:
            share, rows = 1000.0 / len(s.right), np.arange(len(s.right))
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


def report(named: dict[str, Choices]) -> Iterator[str]:
    """Lines to print."""
    if len(named) > 1:
        yield "right choices on a stream under weights learned from the others:"
        for name, held_out in named.items():
            model = learn([s for other, s in named.items() if other != name])
            yield f"  {name:24} {right_share(model, held_out):.3f}  ({len(held_out.right)} choices)"
    model = learn(list(named.values()))
    yield "weights learned from all:"
    for name, weight in zip(_SIGNS, model.weights, strict=True):
        yield f"  {name:24} {weight:+.3f}"
    cohesion, usual = (model.weights[list(_SIGNS).index(name)] for name in ("cohesion", "usual cohesion"))
    yield f"  usual cohesion           {usual / cohesion if cohesion else 0.0:.3f}"
    yield f"  threshold                {-model.bias:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("streams", nargs="+", type=Path, metavar="STREAM.jsonl")
    parser.add_argument("--vectors", type=Path, help="folder of vec_STREAM.npy files")
    args = parser.parse_args()
    named = {path.stem: choices(*stream(path, args.vectors)) for path in args.streams}
    for line in report(named):
        print(line, flush=True)


if __name__ == "__main__":
    main()
