"""Articles in pieces, bare text between blocks, and what stands around the text."""

from __future__ import annotations

import pytest

from pipeline.articles import prose, read_page
from pipeline.articles.markup import parse
from pipeline.articles.prune import prune

from .pages import BODY, PARAGRAPHS, TEXT, TITLE, URL, page

FIRST = "".join(f"<p>{text}</p>" for text in PARAGRAPHS[:2])
SECOND = "".join(f"<p>{text}</p>" for text in PARAGRAPHS[2:])
TEASERS = "".join(
    f'<div class="teaser"><a href="/{number}">What happened on day {number}, told in one line</a></div>'
    for number in range(30)
)


def read(body: str) -> str:
    return read_page(page(body=body), url=URL).text


def test_an_article_split_over_sibling_elements_is_read_whole() -> None:
    pieces = "".join(
        f'<div class="grid"><div class="article__body chunk">{piece}</div><div class="ad"></div></div>'
        for piece in (FIRST, SECOND)
    )
    assert read(f'<main><h1>{TITLE}</h1><div class="chunks">{pieces}</div></main>') == TEXT


def test_articles_below_one_another_are_not_joined() -> None:
    other = "".join(
        f"<p>{'The ferry was late again on this day, and nobody knew why it was. ' * 4}{n}</p>" for n in "abc"
    )
    posts = "".join(
        f'<div class="post"><h1>{title}</h1><div class="article-body">{text}</div></div>'
        for title, text in ((TITLE, BODY), ("The ferry is late again", other))
    )
    assert read(f"<main>{posts}</main>") == TEXT


def test_text_behind_a_figure_is_not_lost_with_it() -> None:
    figure = '<figure class="right"><img src="quay.jpg"><figcaption>The quay</figcaption></figure>'
    bare = f"{figure}{PARAGRAPHS[0]}<p>{PARAGRAPHS[1]}</p>{SECOND}"
    assert read(f'<div class="news"><h1>{TITLE}</h1><div class="meat">{bare}</div></div>') == TEXT


def test_what_stands_between_parts_that_were_taken_belongs_to_them() -> None:
    quote = f"<blockquote><p>{PARAGRAPHS[0]}</p></blockquote>"
    tree = parse(f'<body><article>{quote}<div class="stories">{BODY}</div>{quote}</article></body>')
    assert tree is not None
    found = prose.paragraphs(tree)
    between = found[1:-1]
    assert prose.unseen(found, [True, *[False] * len(between), True]) == between
    assert prose.unseen(found, [True, *[False] * len(between), False]) == []  # behind the text, where comments stand
    assert prose.unseen(found, [True, True, *[False] * (len(between) - 1), True]) == []


def test_posts_that_an_article_quotes_are_part_of_it() -> None:
    post = "Please stay away from the breakwater tonight, the waves are higher than they look from the road."
    quote = f'<div class="social-media-embed"><blockquote class="twitter-tweet"><p>{post}</p></blockquote></div>'
    text = read(f"<article><h1>{TITLE}</h1>{FIRST}{quote}{SECOND}</article>")
    assert post in text


@pytest.mark.parametrize(
    "links",
    [
        '<ul><li><a href="/1">The ferry is late for the third time this week</a></li>'
        '<li><a href="/2">Why the trams stop at the river and go no further</a></li></ul>',
        '<p>Related: <a href="/1">The ferry is late for the third time this week</a></p>',
        f"<section>{TEASERS}</section>",
    ],
    ids=["list", "line", "teasers"],
)
def test_links_to_other_articles_go(links: str) -> None:
    assert read(f"<article><h1>{TITLE}</h1>{FIRST}{links}{SECOND}{links}</article>{links}") == TEXT


def test_what_stands_around_the_prose_goes_before_it_is_read() -> None:
    bare = f"<p class=lead>Nine hours of debate</p>{TEASERS}<div></div>"
    tree = parse(f"<body><header>{bare}</header><div><main><h1>{TITLE}</h1>{BODY}</main>{bare}</div></body>")
    assert tree is not None
    found = prose.paragraphs(tree)
    middle = prose.holder(found)
    assert middle is not None
    prose.clear_around(middle, found)
    assert not tree.xpath('//div[@class="teaser"][ancestor::div]')
    assert TITLE in tree.text_content()
    assert "Nine hours of debate" in tree.text_content()


def test_a_list_of_headlines_goes_and_a_list_of_places_stays() -> None:
    headlines = "".join(f'<li><a href="/{n}">Why the ferry was late on day {n} of the month</a></li>' for n in range(4))
    places = "".join(f"<li>Berth {n}, where the <a href='/b'>ferry</a> lies in winter</li>" for n in range(4))
    tree = parse(f"<body>{BODY}<ul id=a>{headlines}</ul><ul id=b>{places}</ul></body>")
    assert tree is not None
    prune(tree)
    assert [element.get("id") for element in tree.iter("ul")] == ["b"]


def test_a_list_that_says_something_stays() -> None:
    points = (
        "<ul><li>The <a href='/q'>quay walls</a> come first, in March</li><li>Then the sheds go, one by one</li></ul>"
    )
    text = read(f"<article><h1>{TITLE}</h1>{FIRST}{points}{SECOND}</article>")
    assert "The quay walls come first, in March" in text
    assert "Then the sheds go, one by one" in text


def test_what_a_hover_shows_is_no_part_of_the_sentence() -> None:
    hidden = '<span class="rollover-block"><a href="/a">Brandt wins again</a> <a href="/b">Brandt on trams</a></span>'
    first = PARAGRAPHS[1].replace("Ilse Brandt", f"<span>Ilse Brandt{hidden}</span>")
    text = read(f"<article><h1>{TITLE}</h1><p>{PARAGRAPHS[0]}</p><p>{first}</p>{SECOND}</article>")
    assert "Brandt wins again" not in text
    assert PARAGRAPHS[2] in text


def test_the_holder_is_the_innermost_element_with_most_of_the_prose() -> None:
    tree = parse(f"<body><div id=a><div id=b>{BODY}</div></div><div id=c><p>{PARAGRAPHS[3]}</p></div></body>")
    assert tree is not None
    holder = prose.holder(prose.paragraphs(tree))
    assert holder is not None
    assert holder.get("id") == "b"
    assert prose.holder([]) is None


def test_the_names_taken_away_for_a_second_reading_come_back() -> None:
    tree = parse(f'<body><article class="x" id="y"><div class="stories">{BODY}</div></article></body>')
    assert tree is not None
    found = prose.paragraphs(tree)
    whole = tree.find(".//article")
    assert whole is not None
    with prose.named_text(whole, found):
        assert whole.attrib == {"itemprop": "articleBody"}
        assert found[0].element.getparent().attrib == {}
    assert dict(whole.attrib) == {"class": "x", "id": "y"}
    assert found[0].home == ("div", "stories")
