"""The names that matter to a storyline: who and where, by how many of its articles and outlets have them against how
common they are in what else is written. People, places and organisations are not told apart: without a model that is
guesswork, and what most readers need is the name."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from pipeline.records import Article
from pipeline.storylines.tell import phrases
from pipeline.storylines.tell.coverage import outlet_of
from pipeline.storylines.tell.phrases import fold
from pipeline.storylines.tell.records import Backdrop, Name
from pipeline.storylines.tell.when import language
from pipeline.storylines.titles import strip_outlet

MOST = 12
_TEXT_CHARS = 1_600  # who and where stand in the first paragraphs
_LEAST_SHARE = 0.06  # of the articles read that must have a name, where there are many
_ALONE = 0.25  # share of the articles with a name in some fuller phrase that must have it by itself
_NEARLY = 0.8
_BY_ITSELF = 0.7
_FULL = 0.25  # of the articles with a last name that must have the full name too for it to stand for both
_COMMON = 0.5  # share of a word's uses with a small letter from which it is no name
_COMMON_NOUN = 0.25  # in German: share of a word's uses behind an article or the like from which it is a common noun

_TITLES = frozenset(
    """president vice prime minister premier chancellor secretary senator sen rep representative governor gov mayor mr
    mrs ms miss dr prof professor sir lord lady king queen prince princess pope judge justice general gen colonel
    col captain capt lieutenant lt sgt sergeant officer sheriff detective chief director chairman chairwoman ceo
    ambassador admiral adm spokesman spokeswoman spokesperson executive interim deputy speaker attorney commissioner
    congressman congresswoman leader former ex coach herr frau präsident präsidentin kanzler kanzlerin bundeskanzler
    ministerpräsident minister ministerin monsieur madame m mme président présidente ministre presidente presidenta
    ministro ministra señor señora sr sra don doña dom papa rey reina ông bà chủ tịch tổng thống thủ tướng""".split()
)
_OFFICES = frozenset("defense defence foreign interior finance health home state treasury justice press labor".split())
_CALENDAR = frozenset(
    """monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
    september october november december mon tue tues wed thu thur thurs fri sat sun jan feb mar apr jun jul aug sep
    sept oct nov dec montag dienstag mittwoch donnerstag freitag samstag sonntag januar februar marz mai juni juli
    oktober dezember lundi mardi mercredi jeudi vendredi samedi dimanche janvier fevrier avril juin juillet aout
    septembre octobre novembre decembre lunes martes miercoles jueves viernes sabado domingo enero febrero marzo
    abril mayo junio julio agosto septiembre octubre noviembre diciembre today yesterday tomorrow gmt utc est edt
    pst am pm""".split()
)
_NO_NAME = frozenset(
    """the a an this that these those he she it they we i you his her their its our my in on at by for from with of to
    and or but as if when while after before since until because although however meanwhile also there here what who
    why how where which no not yes so then now still yet more most many some all both each another other one two
    three four five six seven eight nine ten per according about over under during despite among between against
    earlier later updated update breaking live video photo photos file image images read watch sign exclusive editor
    editors note story reuters ap afp dpa ansa efe getty bloomberg cnn bbc der die das ein eine und nach bei mit von
    im am zum zur le la les un une des et en dans el los las una y del al il lo gli o os as um uma e no na de i'm
    i've i'll i'd it's that's don't we're""".split()
)
_DETERMINERS = frozenset(
    """der die das des dem den ein eine einer eines einem einen kein keine keinen im am zum zur vom beim ihre ihr ihren
    seine sein seinen diese dieser dieses diesem diesen mehr viele alle neue neuen neuer neues""".split()
)
_ARTICLES = frozenset(("the", "a", "an"))
_AGENCIES = ("associated press", "agence france presse", "getty images", "press association", "reuters")
_PARTS = frozenset(("of", "and", "for", "the"))


@dataclass(slots=True)
class _Entity:
    key: tuple[str, ...]
    articles: set[int] = field(default_factory=set)
    forms: Counter[str] = field(default_factory=Counter)


def names(
    articles: Sequence[Article],
    backdrop: Backdrop = Backdrop(),  # noqa: B008 - frozen
    *,
    most: int = MOST,
) -> tuple[Name, ...]:
    """At most `most` names, the one that says most of this storyline first.

    `articles` are originals, with the beginnings of their texts where these were read. A name must be in two articles,
    where there are two. Forms of one name are counted together ("Maduro", "Nicolas Maduro" and "President Nicolás
    Maduro" under the fullest that is common). Outlets and agencies are no names of the matter.
    """
    readings = {a.id: phrases.read(_whole(a), _DETERMINERS if language(a.lang) == "de" else ()) for a in articles}
    german = {a.id for a in articles if language(a.lang) == "de"}
    entities = _merged(_found(readings, german, backdrop))
    texts = {article: phrases.spaced(reading.words) for article, reading in readings.items()}
    outlets = {a.id: outlet_of(a) for a in articles}
    own = {phrases.spaced(map(fold, name.split())) for name in {*outlets.values(), *_AGENCIES}}
    least = max(min(2, len(articles)), math.ceil(_LEAST_SHARE * len(articles)))
    made: list[_Ranked] = []
    for entity, keys in entities:
        if len(entity.articles) < _ALONE * least:
            continue
        needles = [phrases.spaced(key) for key in keys]
        if any(outlet.endswith(phrases.spaced(entity.key)) for outlet in own):
            continue
        holders = {a for a, text in texts.items() if any(needle in text for needle in needles)}
        # A first name, or "Korea" of "North Korea", stands in as many articles as the whole and hardly ever alone.
        alone = len(entity.articles) / max(1, len(holders))
        if len(holders) < least or alone < _ALONE:
            continue
        printed = len({outlets[a] for a in holders})
        value = printed * math.log1p(len(holders)) * rarity(entity.key, backdrop)
        name = Name(name=_shown(entity), articles=len(holders), outlets=printed)
        made.append(_Ranked(value, phrases.spaced(entity.key), alone, name))
    made.sort(key=lambda one: (-one.value, one.key))
    return tuple(one.name for one in _without_parts(made[: 4 * MOST])[:most])


@dataclass(frozen=True, slots=True)
class _Ranked:
    value: float
    key: str
    alone: float
    name: Name


def _without_parts(ranked: Sequence[_Ranked]) -> list[_Ranked]:
    """The names without those that are a part of a fuller one which nearly as many articles have, and that few of these
    have by themselves."""
    return [
        one
        for one in ranked
        if one.alone > _BY_ITSELF
        or not any(
            one.key in other.key and other.name.articles >= _NEARLY * one.name.articles
            for other in ranked
            if other is not one
        )
    ]


def rarity(key: Sequence[str], backdrop: Backdrop) -> float:
    """What a name is worth by how few other storylines have it, 0.15..1; its rarest word counts."""
    if not backdrop.storylines:
        return 1.0
    spread = min(backdrop.spread.get(word, 0) for word in key)
    return max(0.15, math.log((backdrop.storylines + 1) / (spread + 1)) / math.log(backdrop.storylines + 1))


def backdrop_of(texts: Iterable[str]) -> Backdrop:
    """What other storylines say, from a short text of each."""
    spread: Counter[str] = Counter()
    small: Counter[str] = Counter()
    count = 0
    for text in texts:
        count += 1
        folded, written_small = phrases.words_of(text)
        spread.update(set(folded))
        small.update(written_small)
    return Backdrop(storylines=count, spread=spread, small=small)


def _whole(article: Article) -> str:
    title = strip_outlet(article.title, outlet=article.outlet, url=article.url)
    return f"{title}\n{article.text[:_TEXT_CHARS]}"


def _found(
    readings: Mapping[int, phrases.Phrases], german: Set[int], backdrop: Backdrop
) -> dict[tuple[str, ...], _Entity]:
    small, tall, behind = Counter(backdrop.small), Counter[str](), Counter[str]()
    inside: set[tuple[str, ...]] = set()
    for reading in readings.values():
        small.update(reading.small)
        tall.update(reading.tall)
        behind.update(reading.after_article)
        inside.update(tuple(map(fold, run)) for run, initial in reading.runs if not initial)
    found: dict[tuple[str, ...], _Entity] = {}
    for article, reading in readings.items():
        for run, initial in reading.runs:
            # "New York" begins sentences too: what stands within others as it is has no word too many at its front.
            begins = initial and tuple(map(fold, run)) not in inside
            for part in _parts(run, begins, small, tall):
                key = tuple(map(fold, part))
                alone = len(key) == 1
                if alone and _is_common(key[0], small, tall):
                    continue
                if alone and article in german and behind[key[0]] > _COMMON_NOUN * tall[key[0]]:
                    continue
                entity = found.setdefault(key, _Entity(key))
                entity.articles.add(article)
                entity.forms[" ".join(part)] += 1
    return found


def _is_common(word: str, small: Counter[str], tall: Counter[str]) -> bool:
    """Whether a word is written small more often than not, or was never seen with a capital that nothing asks for."""
    return len(word) < 2 or not tall[word] or small[word] > _COMMON * (small[word] + tall[word])


def _parts(run: Sequence[str], initial: bool, small: Counter[str], tall: Counter[str]) -> Iterable[tuple[str, ...]]:
    """The names in a run of capitalised words: cut at titles of office, without what only begins the sentence."""
    words = list(run)
    while initial and words and (fold(words[0]) in _NO_NAME or _is_common(fold(words[0]), small, tall)):
        words.pop(0)
        initial = bool(words) and fold(words[0]) in _NO_NAME
    part: list[str] = []
    for word in [*words, ""]:
        bare = fold(word)
        if word and bare not in _TITLES and bare not in _CALENDAR:
            part.append(word)
            continue
        if bare in _TITLES and part and fold(part[-1]) in _OFFICES:
            part.pop()
        while part and part[-1].islower():
            part.pop()
        while part and (part[0].islower() or fold(part[0]) in _ARTICLES):
            part.pop(0)
        bares = [fold(word) for word in part]
        if all(word.isupper() and len(word) > 3 and small[fold(word)] for word in part):
            part = []  # shouted, not named
        if part and len(part) <= 6 and all(bares) and (len(part) > 1 or _may_stand_alone(bares[0])):
            yield tuple(w.rstrip("'’") if not w.endswith(("'s", "’s")) else w[:-2] for w in part)
        part = []


def _may_stand_alone(bare: str) -> bool:
    return len(bare) > 1 and bare not in _NO_NAME


def _merged(found: dict[tuple[str, ...], _Entity]) -> list[tuple[_Entity, set[tuple[str, ...]]]]:
    """Entities with all keys that stand for them. A last name alone goes to the one full name that ends with it; a
    longer form goes to the form at its end that more articles have ("Venezuela's Nicolás Maduro")."""
    into: dict[tuple[str, ...], tuple[str, ...]] = {}
    by_last: defaultdict[str, list[_Entity]] = defaultdict(list)
    within: defaultdict[str, set[int]] = defaultdict(set)
    total = len({a for entity in found.values() for a in entity.articles})
    for entity in found.values():
        for word in entity.key[:-1]:
            within[word] |= entity.articles
        if len(entity.key) > 1 and not _PARTS.intersection(entity.key):
            by_last[entity.key[-1]].append(entity)
    for last, fuller in by_last.items():
        fuller.sort(key=lambda e: (-len(e.articles), e.key))
        best = fuller[0]
        for other in fuller[1:]:
            if other.key[-len(best.key) :] == best.key or best.key[-len(other.key) :] == other.key:
                into[other.key] = best.key
        rivals = [e for e in fuller[1:] if e.key not in into]
        alone = (last,)
        if alone not in found or any(2 * len(e.articles) > len(best.articles) for e in rivals):
            continue
        if 2 * len(within[last]) > len(best.articles):  # "Orsel Dam" and "Nether Orsel": Orsel is neither
            continue
        if len(best.articles) >= max(min(2, total), _FULL * len(found[alone].articles)):
            into[alone] = best.key
    groups: dict[tuple[str, ...], tuple[_Entity, set[tuple[str, ...]]]] = {}
    for key, entity in found.items():
        target = into.get(key, key)
        kept, keys = groups.setdefault(target, (found[target], set()))
        keys.add(key)
        if kept is not entity:
            kept.articles |= entity.articles
    return list(groups.values())


def _shown(entity: _Entity) -> str:
    """The form that is used most; of "MADURO" and "Maduro" the one that is not shouted, where there is one."""
    forms = sorted(entity.forms.items(), key=lambda f: (f[0].isupper() and len(f[0]) > 4, -f[1], f[0]))
    return forms[0][0]
