"""The archive filed anew beside the live state: the same by the same settings, and nothing live changes."""

from __future__ import annotations

import tempfile
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from pipeline.errors import InputError
from pipeline.ledger import Ledger, archive, commands, open_ledger, retention, storylines
from pipeline.ledger.schema import metadata, texts
from pipeline.ledger.schema import storylines as storyline_table
from pipeline.storylines.options import FilingOptions
from tests.storylines.wire import about
from tests.workers.changing import ALONE, Desk
from tests.workers.wire import NOON, VERSION, at, embedded, filed, running
from workers.clusterer import Clusterer
from workers.replay import replay
from workers.replay import run as running_replay

PLACES = ["Orsel", "Marven", "Hexby", "Stellin", "Ostwick"]
EVENTS = ["flood", "trial", "merger", "derby"]
EVENING = at(12 * 3600)


def again(
    ledger: Ledger, since: datetime = NOON, until: datetime = EVENING, said: list[str] | None = None, **options: Any
) -> dict[str, Any]:
    say = (said if said is not None else []).append
    # What is tested is filing: when second thoughts come depends on when the clusterer had nothing to file.
    given = FilingOptions(**({"second_thoughts": False} | options))
    return replay(ledger, VERSION, since=since, until=until, options=given, batch=8, limit=5, say=say)


def wire(desk: Desk, count: int) -> None:
    """Coverage of 20 stories, an article every ten seconds, some of it reprinted word for word."""
    for number in range(count):
        what, place = EVENTS[(number // 5) % 4], PLACES[number % 5]
        if number % 7 == 6:
            desk.dispatch(what, place, f"Outlet {number}")
        else:
            desk.file(what, place, hours=number / 10)


def rows(ledger: Ledger) -> dict[str, list[tuple[Any, ...]]]:
    """All that a ledger holds."""
    with ledger.read() as tx:
        return {
            table.name: sorted((tuple(row) for row in tx.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
        }


def dispatches(desk: Desk) -> list[int]:
    """One storyline of two dispatches, each of them printed twice."""
    made = []
    for number, word in enumerate(("levee", "barrier", "levee", "barrier")):
        title = f"The flood in Orsel: the {word} broke"
        text = f"About the flood in Orsel and its {word}. " + " ".join(f"{word}word{n}" for n in range(80))
        made.append(desk.file("flood", "Orsel", title=title, text=text, source=f"Outlet {number}"))
    assert len(set(desk.where(*made))) == 1
    return made


def test_the_same_settings_give_the_same_storylines(ledger: Ledger) -> None:
    desk = Desk(ledger)
    wire(desk, 60)
    before = rows(ledger)
    found = again(ledger)
    assert found["articles"] == {
        "window": 60,
        "filed": 60,
        "not_filed": 0,
        "without_text": 0,
        "gone": 0,
        "remembered": 0,
        "before_without_text": 0,
        "without_vector": 0,
        "by_people": 0,
        "by_people_elsewhere": 0,
    }
    assert found["live"] == found["replay"]
    assert found["live"]["storylines"] == len(set(desk.where()))
    assert found["agreement"]["bcubed"]["f1"] == found["agreement"]["pairwise"]["f1"] == 1.0
    assert found["merged"]["storylines"] == found["split"]["storylines"] == found["moved"]["articles"] == 0
    assert rows(ledger) == before


def test_what_was_filed_before_is_remembered_and_its_storylines_go_on(ledger: Ledger) -> None:
    desk = Desk(ledger)
    wire(desk, 60)
    found = again(ledger, since=at(305))
    assert (found["articles"]["window"], found["articles"]["remembered"]) == (30, 30)
    assert found["agreement"]["bcubed"]["f1"] == 1.0
    assert found["moved"]["articles"] == 0
    with ledger.read() as tx:
        old = set(list(filed(ledger))[:30])
        assert archive.span(tx, at(305), EVENING) == archive.Span(at(305), EVENING, 31, 60, 30, at(310), at(600))
    went_on = {storyline for article, (storyline, _) in filed(ledger).items() if article not in old}
    assert went_on & {storyline for article, (storyline, _) in filed(ledger).items() if article in old}


def test_articles_whose_texts_were_retired_are_counted_as_left_out(ledger: Ledger) -> None:
    desk = Desk(ledger)
    wire(desk, 60)
    with ledger.write() as tx:
        in_order = list(filed(ledger))
        assert retention.retire_aged(tx, texts, in_order[:3] + in_order[30:35], EVENING) == 8
    found = again(ledger, since=at(305))
    counted = found["articles"]
    assert (counted["window"], counted["without_text"], counted["filed"], counted["gone"]) == (30, 5, 25, 0)
    assert (counted["remembered"], counted["before_without_text"]) == (27, 3)
    assert found["live"]["storylines"] <= 25


def test_a_time_of_which_no_text_is_left_is_named(ledger: Ledger) -> None:
    desk = Desk(ledger)
    wire(desk, 10)
    with ledger.write() as tx:
        retention.retire_aged(tx, texts, list(filed(ledger)), EVENING)
    with pytest.raises(InputError, match=r"the 10 articles .* have no texts any more"):
        again(ledger)


def test_articles_that_waited_together_are_filed_in_their_order(ledger: Ledger) -> None:
    for number in range(40):
        embedded(ledger, number, EVENTS[number % 4], PLACES[number % 5], hours=number / 10)
    clusterer = Clusterer(ledger, VERSION, options=ALONE)
    while clusterer.step(NOON):
        pass
    assert again(ledger)["agreement"]["bcubed"]["f1"] == 1.0


def test_second_thoughts_come_to_an_end_in_a_replay_as_well(ledger: Ledger) -> None:
    """Filed apart, and one in the end: what the live state holds in three storylines is one in the replay."""
    desk = Desk(ledger)
    desk.clusterer = Clusterer(ledger, VERSION, options=FilingOptions(threshold=900.0, second_thoughts=False))
    for _ in range(3):
        desk.file("flood", "Orsel")
    found = again(ledger, second_thoughts=True)
    assert found["settings"] == {}
    assert (found["live"]["storylines"], found["replay"]["storylines"]) == (3, 1)


def test_a_higher_threshold_shows_what_would_be_split_by_name(ledger: Ledger) -> None:
    desk = Desk(ledger)
    first, *_ = dispatches(desk)
    alone = desk.file("trial", "Marven")
    found = again(ledger, threshold=900.0)
    assert found["settings"] == {"threshold": 900.0, "second_thoughts": False}
    assert (found["live"]["storylines"], found["replay"]["storylines"]) == (2, 3)
    (split,) = found["split"]["shown"]
    (storyline,) = desk.where(first)
    assert split["storyline"] == {"id": storyline, "headline": desk.one(storyline).headline, "articles": 4}
    assert split["stay"] == 2
    assert split["parts"] == [
        {"articles": 2, "to": {"id": None, "headline": "The flood in Orsel: the barrier broke", "articles": 2}}
    ]
    assert found["agreement"]["bcubed"]["precision"] == 1.0 > found["agreement"]["bcubed"]["recall"]
    assert desk.where(alone) != desk.where(first)


def test_a_lower_threshold_shows_what_would_be_merged_and_who_would_move(ledger: Ledger) -> None:
    desk = Desk(ledger)
    flood = [desk.file("flood", "Orsel") for _ in range(3)]
    trial = [desk.file("trial", "Marven") for _ in range(2)]
    single = desk.file("derby", "Hexby")
    found = again(ledger, threshold=-900.0)
    (merge,) = found["merged"]["shown"]
    assert [one["id"] for one in merge["storylines"]] == desk.where(flood[0], trial[0])
    assert merge["into"]["id"] == desk.where(flood[0])[0]
    assert [one["come"] for one in merge["storylines"]] == [3, 2]
    (moved,) = found["moved"]["shown"]
    assert (moved["article"], moved["from"]["id"], moved["to"]["id"]) == (single, *desk.where(single, flood[0]))
    assert moved["why"]["threshold"] == -900.0
    assert not moved["why"]["opened"]
    assert len(moved["why"]["evidence"]) == 3


def test_what_people_changed_is_counted_apart(ledger: Ledger) -> None:
    desk = Desk(ledger)
    flood = [desk.file("flood", "Orsel") for _ in range(3)]
    trial = [desk.file("trial", "Marven") for _ in range(2)]
    desk.ask("merge", storyline=desk.where(trial[0])[0], into=desk.where(flood[0])[0])
    desk.file("derby", "Hexby")
    found = again(ledger)
    assert (found["articles"]["by_people"], found["articles"]["by_people_elsewhere"]) == (5, 2)
    assert found["split"]["storylines"] == found["moved"]["articles"] == 0
    assert found["agreement"]["bcubed"]["f1"] == 1.0


def test_declared_storylines_are_declared_beforehand_with_their_vectors(ledger: Ledger) -> None:
    with ledger.write() as tx:
        commands.put(tx, "declare", {"title": "Vellmark harbour strike", "text": "Dockers strike.", "lang": "en"}, NOON)
    desk = Desk(ledger)
    desk.step()
    with ledger.write() as tx:
        (row,) = storylines.declared(tx)
        storylines.put_vector(tx, row["id"], VERSION, storylines.pack(about("strike", "Vellmark")))
    covered = desk.file("strike", "Vellmark", title="Vellmark harbour strike goes on")
    assert desk.where(covered) == [row["id"]]
    found = again(ledger)
    assert found["declared_within"] == 1
    assert found["moved"]["articles"] == 0
    assert found["agreement"]["bcubed"]["f1"] == 1.0


def test_filing_waits_for_no_vector_of_a_declared_storyline(ledger: Ledger) -> None:
    desk = Desk(ledger)
    desk.file("trial", "Marven")
    desk.ask("declare", title="Vellmark harbour strike", text="Dockers strike.", lang="en")
    assert again(ledger)["articles"]["filed"] == 1


def test_a_reprint_of_what_is_not_remembered_any_more_stays_a_reprint(ledger: Ledger, tmp_path: Path) -> None:
    desk = Desk(ledger)
    desk.dispatch("flood", "Orsel", "First")
    desk.seconds += 3600
    reprint = desk.dispatch("flood", "Orsel", "Second")
    desk.file("trial", "Marven")
    assert desk.memberships()[reprint]["kind"] == "duplicate"
    found = again(ledger, since=at(desk.seconds), window_hours=0.5, copy_window_hours=0.5)
    assert (found["articles"]["window"], found["articles"]["remembered"]) == (1, 1)
    with ledger.read() as tx:
        span = archive.span(tx, at(3600), EVENING)
        assert span is not None
        copied = archive.portion(tx, span, VERSION, 0, 10)
        homes = archive.homes(tx, {row["storyline_id"] for row in copied})
    with closing(open_ledger(f"sqlite:///{tmp_path}/beside.db", upgrade=True)) as beside, beside.write() as tx:
        archive.open_homes(tx, homes, NOON)
        archive.lay_out(tx, copied, VERSION, filed=True)
        known = list(storylines.remembered(tx, VERSION, NOON))
    assert [one.copy_of is not None for one in known] == [True, False]
    assert known[0].article.id == reprint


def test_articles_without_a_vector_are_counted_and_filed_by_their_words(ledger: Ledger) -> None:
    desk = Desk(ledger)
    wire(desk, 10)
    given = FilingOptions()
    found = replay(ledger, "another/model", since=NOON, until=EVENING, options=given, batch=8, limit=5, say=[].append)
    assert (found["articles"]["filed"], found["articles"]["without_vector"]) == (10, 10)


def test_it_runs_beside_a_clusterer_at_work(ledger: Ledger) -> None:
    desk = Desk(ledger)
    wire(desk, 30)
    other = Clusterer(ledger, VERSION)
    desk.seconds += 3600
    with running(other.run):
        for number in range(100, 110):
            embedded(ledger, number, "merger", "Stellin")
        found = again(ledger, until=at(desk.seconds))
        deadline = time.monotonic() + 30
        while len(filed(ledger)) < 40 and time.monotonic() < deadline:
            pass
    assert len(filed(ledger)) == 40
    assert (found["articles"]["window"], found["articles"]["filed"]) == (30, 30)
    assert found["agreement"]["bcubed"]["f1"] == 1.0


def test_it_waits_for_no_writer_of_the_live_ledger(ledger: Ledger) -> None:
    desk = Desk(ledger)
    wire(desk, 12)
    with ledger.write() as tx:
        tx.execute(update(storyline_table).values(updated=EVENING))
        assert again(ledger)["articles"]["filed"] == 12


def test_nothing_to_file_is_said(ledger: Ledger) -> None:
    with pytest.raises(InputError, match=r"no article was filed from 2026-11-23 12:00 to 2026-11-24 00:00 UTC"):
        again(ledger)


def test_too_little_room_is_said_before_anything_is_filed(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    wire(Desk(ledger), 3)
    monkeypatch.setattr(running_replay, "SPARE_BYTES", 10**18)
    with pytest.raises(InputError, match=r"choose a shorter time with --since, or another place with TMPDIR"):
        again(ledger)


def test_interrupted_it_leaves_nothing_behind(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wire(Desk(ledger), 12)
    monkeypatch.setattr(running_replay, "PORTION", 5)
    monkeypatch.setattr(running_replay, "TELL_EVERY", 0.0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before, there = rows(ledger), set(tmp_path.iterdir())
    seen: list[str] = []

    def interrupted(line: str) -> None:
        seen.extend(path.name for path in set(tmp_path.iterdir()) - there)
        raise KeyboardInterrupt(line)

    with pytest.raises(KeyboardInterrupt, match=r"filed 5 of 12"):
        replay(ledger, VERSION, since=NOON, until=EVENING, options=FilingOptions(), batch=8, limit=5, say=interrupted)
    assert len(seen) == 1
    assert set(tmp_path.iterdir()) == there
    assert rows(ledger) == before


def test_a_large_one_says_beforehand_what_it_needs(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    wire(Desk(ledger), 6)
    monkeypatch.setattr(running_replay, "LARGE", 5)
    said: list[str] = []
    again(ledger, since=at(35), said=said)
    assert said[0].startswith("3 articles to file anew and 3 before them to remember: about 0.0 GB in ")
    assert said[1] == "remembering 3 articles that were filed before"


def test_articles_are_cut_as_the_clusterer_takes_them() -> None:
    def row(article: int, seconds: float) -> dict[str, Any]:
        return {"id": article, "filed_at": at(seconds)}

    waiting = [row(1, 0), row(2, 0), row(3, 0), row(5, 1), row(4, 2), row(6, 70)]
    cut = [[one["id"] for one in run] for run in running_replay.runs(waiting, 3)]
    assert cut == [[1, 2, 3], [5], [4], [6]]
