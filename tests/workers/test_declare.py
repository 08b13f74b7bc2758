"""Storylines declared beforehand: read from TOML, asked for once."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.ledger import Ledger, commands, storylines
from tests.workers.wire import NOON, VERSION
from workers.clusterer import Clusterer
from workers.declare import declare, declare_seeds, read
from workers.seeds import seeds_dir

WANTED = [{"title": "The flood", "text": "Water in Orsel.", "lang": "en"}]


def toml(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "storylines.toml"
    path.write_text(text)
    return path


def test_tables_are_read(tmp_path: Path) -> None:
    path = toml(
        tmp_path,
        '[[storyline]]\ntitle = " The flood "\ntext = """\nWater in Orsel.\n"""\n'
        '[[storyline]]\ntitle = "Der Prozess"\ntext = "Ein Gericht."\nlang = "de"\n',
    )
    assert read(path) == [*WANTED, {"title": "Der Prozess", "text": "Ein Gericht.", "lang": "de"}]
    assert read(toml(tmp_path, "")) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[storyline]]\ntitle = "The flood"\n', "storyline 1 needs a title and a text"),
        ('[[storyline]]\ntitle = "A"\ntext = "b"\n[[storyline]]\ntext = "no title"\n', "storyline 2 needs"),
        ("not toml at all", "is no TOML"),
        ('storyline = "a word"\n', r"table of its own, under the line \[\[storyline\]\]"),
        ('[storyline]\ntitle = "A"\ntext = "b"\n', r"table of its own, under the line \[\[storyline\]\]"),
    ],
)
def test_files_that_cannot_be_used_are_named(tmp_path: Path, text: str, words: str) -> None:
    path = toml(tmp_path, text)
    with pytest.raises(InputError, match=words) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path / "none.toml")


def test_what_is_asked_for_or_declared_already_is_not_asked_for_again(sqlite_ledger: Ledger) -> None:
    assert len(declare(sqlite_ledger, WANTED * 2)) == 1
    assert declare(sqlite_ledger, WANTED) == [], "asked for, not yet applied"
    Clusterer(sqlite_ledger, VERSION).step(NOON)
    assert declare(sqlite_ledger, WANTED) == [], "declared"
    with sqlite_ledger.read() as tx:
        assert list(storylines.titles(tx)) == ["The flood"]
        assert commands.pending(tx, 10) == []


def test_a_malformed_command_in_the_queue_is_no_obstacle(sqlite_ledger: Ledger) -> None:
    with sqlite_ledger.write() as tx:
        commands.put(tx, "declare", {"text": "no title"}, NOON)
    assert len(declare(sqlite_ledger, WANTED)) == 1


def test_the_shipped_ones_can_be_declared(sqlite_ledger: Ledger) -> None:
    shipped = read(seeds_dir() / "storylines.toml")
    declare_seeds(sqlite_ledger)
    declare_seeds(sqlite_ledger)
    Clusterer(sqlite_ledger, VERSION).step(NOON)
    with sqlite_ledger.read() as tx:
        assert list(storylines.titles(tx)) == [one["title"] for one in shipped] != []
