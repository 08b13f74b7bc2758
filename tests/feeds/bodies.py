"""Feeds for the tests: small documents, and the call that reads them as the poller would."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.feeds.parse import parse
from pipeline.records import FeedDocument

NOW = datetime(2025, 11, 30, 12, 0, tzinfo=UTC)
URL = "https://courier.example/feeds/all.xml"


def read(body: str | bytes, content_type: str | None = "application/rss+xml", url: str = URL) -> FeedDocument:
    data = body.encode() if isinstance(body, str) else body
    return parse(data, url=url, content_type=content_type, now=NOW)


def rss(*items: str, head: str = "<title>Courier</title><link>https://courier.example/</link>") -> str:
    inside = "".join(f"<item>{item}</item>" for item in items)
    return f'<?xml version="1.0"?>\n<rss version="2.0"><channel>{head}{inside}</channel></rss>'


def item(number: int, **more: str) -> str:
    fields = {"title": f"Story {number}", "link": f"https://courier.example/{number}", **more}
    return "".join(f"<{name}>{value}</{name}>" for name, value in fields.items() if value)


RSS = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/">
<channel><title>The Courier</title><link>https://courier.example/</link><language>en-GB</language>
<item><title>Ferry &amp; harbour: &lt;b&gt;reopened&lt;/b&gt;</title><link>https://courier.example/1?id=7&amp;a=b</link>
<guid isPermaLink="false">c-1</guid><pubDate>Sun, 30 Nov 2025 10:15:00 +0100</pubDate><dc:creator>Ana Ruiz</dc:creator>
<description>Short &lt;i&gt;lead&lt;/i&gt;.</description>
<content:encoded><![CDATA[<p>Whole <a href="/x">text</a>.</p>]]></content:encoded></item>
</channel></rss>"""

ATOM = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://beacon.example/news/" xml:lang="fr">
<title type="html">Le &lt;em&gt;Phare&lt;/em&gt;</title><link href="/"/><link rel="self" href="atom.xml"/>
<entry><id>tag:beacon.example,2025:9</id><title>A &lt; B</title><link rel="enclosure" href="x.mp3"/>
<link rel="alternate" href="nine.html"/><published>2025-11-30T08:00:00Z</published>
<updated>2025-11-30T09:00:00Z</updated><author><name>Luc Meyer</name></author>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Le texte</p></div></content></entry></feed>"""

RSS1 = """<?xml version="1.0"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://tide.example/"><title>Tide</title>
<link>https://tide.example/</link></channel><item rdf:about="https://tide.example/a"><title>A</title>
<link>https://tide.example/a</link><dc:date>2025-11-29T23:00:00+01:00</dc:date></item></rdf:RDF>"""

NEWS_SITEMAP = """<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
 xmlns:news="http://www.google.com/schemas/sitemap-news/0.9" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
<url><loc>https://courier.example/ferry?id=1&amp;p=2</loc><lastmod>2025-11-30T11:00:00Z</lastmod>
<news:news><news:publication><news:name>The Courier</news:name><news:language>en</news:language></news:publication>
<news:publication_date>2025-11-30T10:15:00+01:00</news:publication_date><news:title>Ferry &amp; harbour</news:title>
<news:keywords>ferry, harbour</news:keywords></news:news>
<image:image><image:loc>https://courier.example/x.jpg</image:loc><image:title>Boat</image:title></image:image></url>
<url><loc>https://courier.example/bridge</loc><news:news><news:publication><news:name>The Courier</news:name>
<news:language>en</news:language></news:publication><news:publication_date>2025-11-29</news:publication_date>
<news:title>Bridge shut</news:title></news:news></url></urlset>"""
