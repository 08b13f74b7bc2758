"""Sentences to embed, and models to embed them with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.embedding import prepare
from pipeline.embedding.files import WEIGHTS, packaged

BODY = (
    "The harbour of Norrvik was open again on Tuesday after a week of storms that had kept four hundred lorries "
    "waiting on the quay. Two ferries left before noon, a third was to follow in the evening, the company said. "
    'Its chief executive, Maja Lindqvist, called the week "the worst since the winter of 1987" and promised '
    "refunds to all who had missed their crossing. Fishermen were less pleased: the channel has silted up, and "
    "boats with a draught of more than 3.5 metres are told to wait for the tide. The council will vote on £2.4m "
    "for dredging next Thursday; the opposition asks why it was put off twice. On the islands, shops reported "
    "empty shelves, though nobody went short of anything but fresh milk, newspapers and, as the mayor of Holm put "
    "it with a shrug, patience. "
)
ARTICLES = (
    ("Ferry service resumes", BODY),
    ("Parliament votes on the budget", ""),
    ("A comet is found over Hexby", "Astronomers at the Hexby observatory saw it first. " * 3),
    (
        "Ministerpräsident tritt zurück",
        "Die Koalition in Stadtland ist am Montag zerbrochen, wie die Parteien mitteilten.",
    ),
    ("東京で地震", "気象庁によると津波の心配はない。震源の深さは約十キロと推定される。"),
    ("Bão số 9 đổ bộ", "Hàng nghìn người dân ven biển đã được sơ tán trong đêm."),
    ("Rates: 4.25% → 4.50%", "The bank raised its rate by 25bp; markets had priced in none. " * 30),
    ("", ""),
    ("x" * 300, "🙂 " * 200),
    ("Long words", "pneumonoultramicroscopicsilicovolcanoconiosis " * 150),
)
TEXTS = tuple(prepare(title, text) for title, text in ARTICLES) + tuple(
    prepare(f"Dispatch {number}", BODY[number * 7 :]) for number in range(11)
)


def cosines(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Of each row with the row of the same number."""
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.asarray((first * second).sum(axis=1) / lengths, np.float32)


def model_in(folder: Path, **changed: dict[str, Any]) -> Path:
    """The packaged model as a directory of links, as downloads make one, with keys of its JSON files set otherwise.

    A file is named without `.json`; that of the pooling is `pooling`.
    """
    source = packaged()
    folder.mkdir()
    (folder / "1_Pooling").mkdir()
    for path in [*source.iterdir(), source / "1_Pooling" / "config.json"]:
        if path.is_file():
            (folder / path.relative_to(source)).symlink_to(path)
    for name, values in changed.items():
        path = folder / ("1_Pooling/config.json" if name == "pooling" else f"{name}.json")
        content = json.loads(path.read_text(encoding="utf-8")) | values
        path.unlink()
        path.write_text(json.dumps(content), encoding="utf-8")
    assert (folder / WEIGHTS).exists()
    return folder
