"""The site answers as a well-kept publisher's server does."""

from __future__ import annotations

import pytest

from workers.demo.site import DemoSite, pdf
from workers.demo.world import World, item_url, labels

from .conftest import PORT, START, Visitor


def path_of(world: World, item_id: str) -> tuple[str, str]:
    item = next(found for found in world.items if found.id == item_id)
    return item.outlet, item.path


@pytest.mark.parametrize("path", ["/world.rss", "/", "article"])
def test_a_conditional_request_gets_304_without_a_body(visitor: Visitor, world: World, path: str) -> None:
    if path == "article":
        path = path_of(world, "mill-1")[1]
    first = visitor.get("continental-wire", path)
    assert first.status_code == 200
    again = visitor.get("continental-wire", path, if_none_match=first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    dated = visitor.get("continental-wire", path, if_modified_since=first.headers["last-modified"])
    assert (dated.status_code, dated.content) == (304, b"")


def test_an_etag_outweighs_a_date_and_rubbish_is_ignored(visitor: Visitor) -> None:
    modified = visitor.get("continental-wire", "/world.rss").headers["last-modified"]
    both = visitor.get("continental-wire", "/world.rss", if_none_match='"other"', if_modified_since=modified)
    assert both.status_code == 200
    assert visitor.get("continental-wire", "/world.rss", if_modified_since="yesterday").status_code == 200
    assert visitor.get("continental-wire", "/world.rss", if_none_match="*").status_code == 304


def test_new_entries_make_a_new_version_of_the_feed(visitor: Visitor) -> None:
    before = visitor.get("open-desk", "/all.atom")
    visitor.seconds = 60
    after = visitor.get("open-desk", "/all.atom", if_none_match=before.headers["etag"])
    assert after.status_code == 200
    assert after.headers["etag"] != before.headers["etag"]
    stale = visitor.get("open-desk", "/all.atom", if_modified_since=before.headers["last-modified"])
    assert stale.status_code == 200


def test_what_is_not_out_yet_is_not_found(visitor: Visitor, world: World) -> None:
    outlet, path = path_of(world, "mill-4")
    assert visitor.get(outlet, path).status_code == 404
    assert b"Lower Weir asks" not in visitor.get(outlet, "/").content
    visitor.seconds = 60
    answer = visitor.get(outlet, path)
    assert answer.status_code == 200
    assert b"Nobody had an answer" in answer.content
    assert b"Lower Weir asks" in visitor.get(outlet, "/").content


def test_what_is_no_article_answers_in_its_own_way(visitor: Visitor, world: World) -> None:
    answers = {
        name: visitor.get(*path_of(world, name)) for name in ("gone-1", "missing-1", "print-1", "front-1", "wall-1")
    }
    assert answers["gone-1"].status_code == 410
    assert answers["missing-1"].status_code == 404
    assert answers["print-1"].headers["content-type"] == "application/pdf"
    assert answers["print-1"].content.startswith(b"%PDF-")
    assert b"A heron moves in" in answers["front-1"].content
    assert b"Subscribe to continue reading" in answers["wall-1"].content


def test_the_pdf_counts_its_bytes_right() -> None:
    body = pdf("The (whole) \\ edition")
    start = int(body.split(b"startxref\n")[1].split(b"\n")[0])
    assert body[start : start + 4] == b"xref"
    offsets = [int(line.split()[0]) for line in body[start:].split(b"\n")[3:7]]
    assert [body[offset : offset + 7] for offset in offsets] == [b"%d 0 obj" % number for number in (1, 2, 3, 4)]
    assert b"(The \\(whole\\) \\\\ edition)" in body


def test_pages_shrink_when_gzip_is_asked_for(visitor: Visitor, world: World) -> None:
    outlet, path = path_of(world, "mill-1")
    plain = visitor.get(outlet, path)
    packed = visitor.get(outlet, path, accept_encoding="gzip")
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) < len(plain.content)


def test_a_page_in_the_old_charset_says_so_only_in_its_head(visitor: Visitor, world: World) -> None:
    answer = visitor.get(*path_of(world, "mill-3"))
    assert answer.headers["content-type"] == "text/html"
    assert "gatehouse – the owner’s niece".encode("windows-1252") in answer.content
    assert b"charset=iso-8859-1" in answer.content.lower()


def test_hosts_are_told_apart(visitor: Visitor) -> None:
    assert b"Mill closes" in visitor.get("first-bell", "/").content
    assert b"Mill closes" not in visitor.get("open-desk", "/").content
    assert visitor.get("nobody", "/feed/").status_code == 404
    assert b"http://first-bell.localhost:8123/feed/" in visitor.get("www", "/").content


def test_a_front_page_leads_to_its_feeds(visitor: Visitor) -> None:
    page = visitor.get("open-desk", "/").text
    assert f'type="application/atom+xml" title="Open Desk" href="http://open-desk.localhost:{PORT}/all.atom"' in page
    assert f'title="Half" href="http://open-desk.localhost:{PORT}/half.atom"' in page


def test_robots_may_read_everything_but_the_wire(visitor: Visitor) -> None:
    lines = visitor.get("first-bell", "/robots.txt").text.splitlines()
    assert lines[:2] == ["User-agent: *", "Disallow: /wire/"]


def test_the_state_tells_when_the_wire_has_ended(visitor: Visitor, world: World) -> None:
    state = visitor.get("first-bell", "/wire/state").json()
    assert (state["ended"], state["released"], state["total"], state["articles"]) == (False, 9, 11, 6)
    assert len(state["feeds"]) == 5
    assert state["started"] == START.isoformat()
    visitor.seconds = 60
    state = visitor.get("whoever", "/wire/state").json()
    assert (state["ended"], state["released"]) == (True, 11)


def test_labels_are_served_for_every_article(visitor: Visitor, world: World) -> None:
    served = visitor.get("open-desk", "/wire/labels").json()
    assert served == labels(world, PORT)
    assert item_url(world, world.articles[0], PORT) in served


def test_a_template_that_is_not_there_is_named(world: World) -> None:
    from dataclasses import replace

    from pipeline.errors import InputError

    outlets = dict(world.outlets)
    outlets["first-bell"] = replace(outlets["first-bell"], template="neon")
    with pytest.raises(InputError, match="outlet 'first-bell': no template 'neon'"):
        DemoSite(replace(world, outlets=outlets), port=PORT, start=START)
