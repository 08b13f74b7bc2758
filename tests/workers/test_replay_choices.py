"""The settings that a replay takes: every one has a meaning and a range, and what is wrong is named."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from pipeline.errors import UsageError
from pipeline.storylines.options import FilingOptions
from workers.replay import choices, chosen


def test_every_setting_is_listed_with_a_meaning_and_its_shipped_value_is_allowed() -> None:
    listed = choices()
    assert {one.name for one in listed} == {one.name for one in fields(FilingOptions)}
    for one in listed:
        assert one.meaning.endswith("."), one
        assert len(one.meaning) > 8, one
        assert one.read(str(one.value)) == getattr(FilingOptions(), one.name)


def test_meanings_are_those_beneath_the_settings() -> None:
    told = {one.name: one.meaning for one in choices()}
    assert told["copy_window_hours"] == "Agency copy is still reprinted by weeklies a week later."
    assert told["title_weight"] == "The weight of title."


def test_changes_are_read_by_type() -> None:
    assert chosen([]) == FilingOptions()
    found = chosen(["threshold=4.5", "recent-members = 12"])
    assert found == replace(FilingOptions(), threshold=4.5, recent_members=12)
    assert isinstance(found.recent_members, int)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["treshold=3"], "filing has no setting 'treshold'; did you mean threshold? `slugline replay --list` shows"),
        (["colour=red"], "filing has no setting 'colour'; `slugline replay --list` shows all settings"),
        (["threshold"], "--set takes KEY=VALUE, not 'threshold'"),
        (["threshold=high"], "threshold takes a number from -1,000 to 1,000, not 'high'; as shipped it is 4.0"),
        (["threshold=nan"], "threshold takes a number"),
        (["recent_members=2.5"], "recent_members takes a whole number from 1 to 10,000,000, not '2.5'"),
        (["recent_members=0"], "recent_members takes a whole number from 1"),
        (["copy_similarity=1.2"], "copy_similarity takes a number from 0 to 1, not '1.2'"),
        (["window_hours=0"], "window_hours takes a number from 0.01"),
        (["threshold=3", "threshold=4"], "threshold is set twice"),
    ],
)
def test_what_is_wrong_is_named_with_the_way_out(given: list[str], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        chosen(given)
    assert words in str(caught.value)
