"""Key sentences: those in which a storyline's articles agree, each with where it stands.

Centrality is that of LexRank (Erkan and Radev 2004, "LexRank: Graph-based Lexical Centrality as Salience in Text
Summarization"), over sentences of different articles only; what is chosen differs from what was chosen before by
maximal marginal relevance (Carbonell and Goldstein 1998).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pipeline.records import Article
from pipeline.storylines.tell import sentences, terms
from pipeline.storylines.tell.records import KeySentence
from pipeline.storylines.tell.when import language, when
from pipeline.storylines.titles import strip_outlet

MOST = 5
OF_EACH = 15  # sentences of an article that are looked at: news says first what matters
_DAMPING = 0.15  # as published
_LEAST_LIKE = 0.08  # cosine from which two sentences speak for each other; published 0.1, for clusters of one event
_SAME_OUTLET = 0.3  # an outlet that says a thing in three articles is one witness
_RELEVANCE = 0.7  # against difference from what was chosen
_TOO_ALIKE = 0.45  # cosine with a chosen one from which a sentence only repeats it
_LEAST_OF_BEST = 0.35  # rank, as a share of the best, below which a sentence says little
_LEANING = 0.55  # worth of a sentence that leans on the one before it
_AGAIN = 0.25  # what a second sentence of one outlet loses, in ranks of the best

# Words with which a sentence points back at another one, in the languages where they are most common.
_LEANS = re.compile(
    r"^[\"“„«'‘]?(?:he|she|it|they|his|her|their|its|this|that|these|those|but|and|or|so|also|however|meanwhile|still|yet|"
    r"then|there|here|i|we|you|my|our|such|both|another|others?|in addition|according to (?:him|her|them)|er|sie|es|"
    r"dies\w*|aber|und|doch|auch|dabei|il|elle|ils|elles|ce(?:tte|s)?|cela|mais|et|él|ella|ellos|est[aeo]s?|pero|y|"
    r"además|ele|ela|eles|ess[ae]s?|mas|e|lui|lei|questo|questa|ma|hij|zij|dit|deze|maar|en)\b",
    re.IGNORECASE,
)
_POINTS = re.compile(r"\b(?:this is|said this|like this|as follows|the following)\b", re.IGNORECASE)


@dataclass(slots=True)
class _Candidate:
    text: str
    article: Article
    place: int
    outlets: set[str] = field(default_factory=set)


def key_sentences(
    articles: Sequence[Article], *, headline: str = "", lang: str = "", most: int = MOST
) -> tuple[KeySentence, ...]:
    """At most `most` sentences of the articles' texts, the oldest first; none where no text says anything.

    `articles` are originals with the beginnings of their texts, `lang` the language that most of them have. A
    sentence counts by the sentences of other articles and outlets that are like it; leads, later articles, and
    sentences that stand by themselves are preferred. Bylines, captions and notices are left out.
    """
    candidates = _candidates(articles)
    if not candidates:
        return ()
    weighed = terms.matrix([one.text for one in candidates] + [headline])
    alike = weighed[:-1] @ weighed[:-1].T
    rank = _rank(alike, candidates) * _worth(candidates, lang)
    if float(rank.max()) <= 0:
        return ()
    chosen = _choose(rank / float(rank.max()), alike, candidates, most)
    told = [_told(candidates[i]) for i in chosen]
    return tuple(sorted(told, key=lambda one: (one.at, one.article)))


def _candidates(articles: Sequence[Article]) -> list[_Candidate]:
    """Sentences that say something, each wording once, where it stood first."""
    found: dict[str, _Candidate] = {}
    printed: defaultdict[str, defaultdict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for article in sorted(articles, key=lambda a: (when(a), a.id)):
        outlet = article.outlet or article.url or str(article.id)
        for place, sentence in enumerate(sentences.split(article.text, article.lang, most=OF_EACH)):
            text = sentences.tidy(sentence)
            if not sentences.says_something(text):
                continue
            key = sentences.fold(text)
            printed[key][outlet].add(article.id)
            one = found.setdefault(key, _Candidate(text, article, place))
            one.outlets.add(outlet)
    return [one for key, one in found.items() if not _furniture(printed[key])]


def _furniture(printed: dict[str, set[int]]) -> bool:
    """Whether one outlet alone prints it, above article after article: what it says of itself, not of the matter."""
    return len(printed) == 1 and any(len(articles) > 2 for articles in printed.values())


def _rank(alike: terms.Matrix, candidates: Sequence[_Candidate]) -> npt.NDArray[np.float64]:
    """(n,) LexRank by power iteration; edges within an article count nothing, within an outlet little."""
    article = np.array([one.article.id for one in candidates])
    outlets = {name: i for i, name in enumerate(sorted({one.article.outlet for one in candidates}))}
    outlet = np.array([outlets[one.article.outlet] for one in candidates])
    edges = np.where(alike >= _LEAST_LIKE, alike, 0.0).astype(np.float64)
    several = len(set(article.tolist())) > 1
    if several:
        edges[article[:, None] == article[None, :]] = 0.0
    else:
        np.fill_diagonal(edges, 0.0)
    if len(outlets) > 1:
        edges[outlet[:, None] == outlet[None, :]] *= _SAME_OUTLET
    total = edges.sum(axis=1)
    flow = np.divide(edges, total[:, None], out=np.zeros_like(edges), where=total[:, None] > 0)
    rank = np.full(len(candidates), 1.0 / len(candidates))
    for _ in range(30):
        rank = _DAMPING / len(candidates) + (1 - _DAMPING) * (rank @ flow)
    return rank


def _worth(candidates: Sequence[_Candidate], lang: str) -> npt.NDArray[np.float64]:
    """(n,) what makes a sentence fit to be read alone: place, time, language, wording."""
    order = {a: i for i, a in enumerate(dict.fromkeys(one.article.id for one in candidates))}
    last = max(1, len(order) - 1)
    made = np.ones(len(candidates))
    for i, one in enumerate(candidates):
        made[i] *= 0.5 + 0.5 / (1 + 0.35 * one.place)
        made[i] *= 0.75 + 0.25 * order[one.article.id] / last
        made[i] *= 1.0 + 0.25 * min(3, len(one.outlets) - 1)
        if lang and language(one.article.lang) not in ("", lang):
            made[i] *= 0.3
        if _LEANS.match(one.text) or _POINTS.search(one.text):
            made[i] *= _LEANING
        if one.text.count('"') % 2 or one.text.count("“") != one.text.count("”"):
            made[i] *= 0.6  # a part of a quotation
        if one.text[0] in "\"“„«'‘" or one.text.rstrip()[-1] in "?？؟":
            made[i] *= 0.6
        if len(one.text) > 320:
            made[i] *= 0.7
    return made


def _choose(
    rank: npt.NDArray[np.float64], alike: terms.Matrix, candidates: Sequence[_Candidate], most: int
) -> list[int]:
    chosen: list[int] = []
    nearest = np.zeros(len(candidates))
    lost = np.zeros(len(candidates))
    open_ = rank >= _LEAST_OF_BEST
    while len(chosen) < most:
        score = np.where(open_, _RELEVANCE * (rank - lost) - (1 - _RELEVANCE) * nearest, -np.inf)
        best = int(score.argmax())
        if not np.isfinite(score[best]):
            break
        chosen.append(best)
        nearest = np.maximum(nearest, alike[best])
        open_ &= alike[best] < _TOO_ALIKE
        open_[best] = False
        for i, one in enumerate(candidates):
            if one.article.outlet == candidates[best].article.outlet:
                lost[i] += _AGAIN
    return chosen


def _told(one: _Candidate) -> KeySentence:
    article = one.article
    return KeySentence(
        text=one.text,
        article=article.id,
        title=strip_outlet(article.title, outlet=article.outlet, url=article.url),
        url=article.url,
        outlet=article.outlet,
        lang=article.lang,
        at=when(article),
        outlets=len(one.outlets),
    )
