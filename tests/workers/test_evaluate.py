"""Labelled articles through the whole path, and files that cannot be used."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.embedding import Embedder
from pipeline.errors import InputError
from pipeline.ledger import Ledger, articles
from pipeline.settings import Settings
from tests.workers.wire import states
from workers.evaluate import evaluate, import_file, mean, read_lines, score

STORIES = {
    "bridge": [
        (
            "Bridge over the Orsel closes for repairs",
            "The city closed the old bridge over the Orsel on Monday. Engineers found cracks in two piers and expect "
            "repairs to take until spring.",
        ),
        (
            "Cracked piers shut Orsel bridge",
            "Engineers who found cracks in two piers of the Orsel bridge say that the crossing stays shut until "
            "spring. Buses take the ferry road.",
        ),
        (
            "Ferry road crowded after Orsel bridge closure",
            "Since the Orsel bridge was closed over cracks in its piers, the ferry road is crowded in the morning, "
            "the city said.",
        ),
    ],
    "vote": [
        (
            "Marven parliament rejects the fishing bill",
            "The parliament of Marven voted down the fishing quota bill by 61 to 58. The fisheries minister, Ilsa "
            "Brandt, offered to resign.",
        ),
        (
            "Minister Brandt offers to resign after fishing vote",
            "Ilsa Brandt, fisheries minister of Marven, offered her resignation after parliament rejected her quota "
            "bill by 61 to 58.",
        ),
    ],
    "comet": [
        (
            "Amateur finds a bright comet",
            "A schoolteacher in Hexby discovered a comet that may be seen without a telescope in January, the "
            "astronomical society said.",
        ),
    ],
}


def lines(path: Path, rows: Iterable[dict[str, Any] | str]) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def labelled() -> list[dict[str, Any]]:
    rows = []
    for story, coverage in STORIES.items():
        for number, (title, text) in enumerate(coverage):
            row = {"id": f"{story}{number}", "url": f"https://{story}{number}.example/a", "source": f"outlet{number}"}
            row |= {"lang": "en", "published": f"2026-03-0{number + 2}", "title": title, "text": text, "story": story}
            rows.append(row)
    return rows


def test_scores_of_a_labelled_file(tmp_path: Path, embedder: Embedder) -> None:
    path = lines(tmp_path / "six.jsonl", labelled())
    said: list[str] = []
    found = evaluate(path, embedder, Settings(), said.append)
    by_story = [{found["stories"][f"{story}{n}"] for n in range(len(STORIES[story]))} for story in STORIES]
    assert by_story[2].isdisjoint(by_story[0] | by_story[1])
    assert by_story[0].isdisjoint(by_story[1])
    assert (found["documents"], found["gold"]) == (6, 3)
    assert found["found"] == len(set(found["stories"].values()))
    assert found["bcubed"]["precision"] == 1.0
    assert 0.6 <= found["bcubed"]["f1"] <= 1.0
    assert found["pairwise"]["precision"] == 1.0
    assert found["articles_per_second"] > 0
    assert found["p99_ms"] > 0
    assert found["file"] == str(path)
    assert said == ["six.jsonl: embedding 6 articles", "six.jsonl: filing"]
    assert mean([found, found]) == {"bcubed_f1": found["bcubed"]["f1"], "pairwise_f1": found["pairwise"]["f1"]}


def test_settled_scores_say_where_articles_are_in_the_end(tmp_path: Path, embedder: Embedder) -> None:
    path = lines(tmp_path / "six.jsonl", labelled())
    online, settled = (evaluate(path, embedder, Settings(), print, settled=wanted) for wanted in (False, True))
    assert (online["assignment"], settled["assignment"]) == ("online", "settled")
    assert settled["bcubed"]["f1"] >= online["bcubed"]["f1"]
    assert settled["stories"].keys() == online["stories"].keys()


def test_the_scores_are_those_of_the_assignment() -> None:
    gold = {"a": "x", "b": "x", "c": "y", "d": "y"}
    perfect = score(gold, {"a": 1, "b": 1, "c": 2, "d": 2})
    assert (perfect["bcubed"]["f1"], perfect["pairwise"]["f1"], perfect["largest"]) == (1.0, 1.0, 2)
    merged = score(gold, {"a": 1, "b": 1, "c": 1, "d": 1})
    assert merged["bcubed"] == {"precision": 0.5, "recall": 1.0, "f1": 0.6667}
    assert merged["pairwise"] == {"precision": 0.3333, "recall": 1.0, "f1": 0.5}


def test_a_url_that_comes_again_is_a_sighting_and_stands_with_the_first(tmp_path: Path, embedder: Embedder) -> None:
    first, second = labelled()[:2]
    again = {**second, "id": "again", "url": first["url"] + "?utm_source=x"}
    found = evaluate(lines(tmp_path / "again.jsonl", [first, again]), embedder, Settings(), print)
    assert found["stories"]["again"] == found["stories"]["bridge0"]
    assert found["documents"] == 2


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "holds no articles"),
        ([{"id": "a", "title": "T", "text": "x"}], "article a has no label `story`"),
        (
            [{"id": 1, "title": "T", "text": "x", "story": "s"}, {"id": "1", "title": "U", "text": "y", "story": "s"}],
            "the id 1 comes twice",
        ),
    ],
)
def test_files_without_usable_labels_are_refused(
    tmp_path: Path, embedder: Embedder, rows: list[dict[str, Any]], words: str
) -> None:
    path = lines(tmp_path / "labels.jsonl", rows)
    with pytest.raises(InputError, match=words) as caught:
        evaluate(path, embedder, Settings(), print)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("{broken", "is no JSON"),
        ("[1, 2]", "is no JSON object"),
        ("[" * 100_000, "is no JSON"),
        ('{"title": "T", "text": "x"}', "lacks 'id'"),
        ('{"id": true, "title": "T"}', "lacks 'id'"),
        ('{"id": "a", "title": " ", "text": "x"}', "lacks 'title'"),
        ('{"id": "a", "title": "T", "text": ["x"]}', "'text' is .* must be text"),
        ('{"id": "a", "title": "T", "url": 7}', "'url' is 7, it must be text"),
        ('{"id": "a", "title": "T", "published": "yesterday"}', "no ISO 8601 time"),
        ('{"id": "a", "title": "T", "published": "0001-01-01T00:00:00+14:00"}', "no ISO 8601 time"),
    ],
)
def test_bad_lines_are_named_with_file_and_line(tmp_path: Path, bad: str, words: str) -> None:
    path = lines(tmp_path / "bad.jsonl", [{"id": "fine", "title": "T", "text": "x"}, "", bad])
    with pytest.raises(InputError, match=words) as caught:
        list(read_lines(path))
    assert f"{path}, line 3" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_and_files_that_are_not_there(tmp_path: Path) -> None:
    path = tmp_path / "latin.jsonl"
    path.write_bytes('{"id": "a", "title": "Città"}\n'.encode("latin-1"))
    with pytest.raises(InputError, match="line 1 is no JSON in UTF-8"):
        list(read_lines(path))
    for missing in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            list(read_lines(missing))


def test_what_lines_may_hold(tmp_path: Path) -> None:
    path = tmp_path / "odd.jsonl"
    rows = [
        '\ufeff{"id": 7, "title": "With a byte order mark", "published": "2026-03-01"}',
        '{"id": "b", "title": "Nul \\u0000 and half a pair \\ud83d", "text": null, "published": ""}',
        '{"id": "c", "title": "Zone", "published": "2026-03-01T10:00:00+02:00", "lang": ""}',
    ]
    path.write_text("\n".join(rows), encoding="utf-8")
    first, second, third = read_lines(path)
    assert (first["id"], first["published"]) == ("7", datetime(2026, 3, 1, tzinfo=UTC))
    assert (second["title"], second["text"], second["published"]) == ("Nul  and half a pair ?", "", None)
    assert (third["published"], third["lang"]) == (datetime(2026, 3, 1, 8, tzinfo=UTC), None)


def test_an_import_takes_all_or_nothing_and_knows_what_it_has(tmp_path: Path, ledger: Ledger) -> None:
    many = [{"id": f"a{n}", "title": f"Title {n}", "text": "x", "url": f"https://a.example/{n}"} for n in range(700)]
    with pytest.raises(InputError, match="line 701"):
        import_file(ledger, lines(tmp_path / "bad.jsonl", [*many, "{"]))
    assert states(ledger) == {}
    assert import_file(ledger, lines(tmp_path / "good.jsonl", many[:20])) == (20, 0)
    assert import_file(ledger, lines(tmp_path / "more.jsonl", many[10:30])) == (10, 10)
    with ledger.read() as tx:
        assert articles.counts(tx)["fetched"] == 30
