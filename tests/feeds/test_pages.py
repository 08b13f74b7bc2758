"""What came instead of a feed is named for what it is, with a way out; and a feed is never taken for it."""

from __future__ import annotations

import gzip

import pytest

from pipeline.errors import FeedError
from pipeline.feeds.pages import recognise
from pipeline.feeds.parse import parse
from tests.feeds.bodies import NOW, URL, item, read, rss

LOREM = "<p>" + "The ferry came back after three weeks, and the harbour was full of people. " * 60 + "</p>"


def page(title: str = "", body: str = "", head: str = "") -> str:
    return f"<!DOCTYPE html><html><head><title>{title}</title>{head}</head><body>{body}</body></html>"


PAGE = """<!DOCTYPE html><html><head><title>Courier</title>
<link rel=alternate type="application/rss+xml" href="/feeds/all.xml">
<link href='https://courier.example/atom' rel='ALTERNATE' type='application/atom+xml; charset=utf-8'>
<link rel="alternate" hreflang="de" href="/de"></head><body><p>Hello</body></html>"""


def test_a_web_page_names_its_feeds() -> None:
    with pytest.raises(FeedError) as caught:
        read(PAGE, "text/html", "https://courier.example/")
    assert caught.value.reason == "not-a-feed"
    assert "web page" in str(caught.value)
    assert "https://courier.example/feeds/all.xml, https://courier.example/atom" in str(caught.value)
    assert "/de" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "reason", "words"),
    [
        (b"", "empty", "empty body"),
        (b" \r\n\t\0", "empty", "empty body"),
        (b"just words", "not-a-feed", "no XML"),
        (b"error code: 1020", "not-a-feed", "begins “error code: 1020”"),
        (b"<img src='x'> and <b>so on</b>", "not-a-feed", "a web page"),
        (b"<html><body>No feed here</body></html>", "not-a-feed", "names no feed"),
        (b"<?xml version='1.0'?><opml version='2.0'><body/></opml>", "not-a-feed", "feeds import"),
        (b'{"a": 1}', "not-a-feed", "not a JSON Feed"),
        (b'{"code": "rest_no_route", "message": "No route was found"}', "not-a-feed", "says: No route was found"),
        (b"[1, 2]", "not-a-feed", "not a JSON Feed"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "not-a-feed", "a PDF"),
        (b"\x89PNG\r\n\x1a\n\0\0", "not-a-feed", "an image"),
        (b"PK\x03\x04\x14\0", "not-a-feed", "a ZIP file"),
        (gzip.compress(b"just words", mtime=0), "not-a-feed", "no XML"),
        (b"\x1f\x8b\x08 broken", "unreadable", "damaged gzip"),
        (b"<note><to>you</to></note>", "not-a-feed", "<note>"),
    ],
)
def test_what_is_no_feed_is_named(body: bytes, reason: str, words: str) -> None:
    with pytest.raises(FeedError, match=words) as caught:
        read(body, None)
    assert caught.value.reason == reason


CHALLENGES = {
    "Cloudflare": page("Just a moment...", "<h1>courier.example</h1><script>window._cf_chl_opt={cvId:'3'};</script>"),
    "Cloudflare, no script": page("Attention Required! | Cloudflare", "<h1>Sorry, you have been blocked</h1>"),
    "DataDome": "<html><head><title>courier.example</title></head><body><script>var dd={'rt':'c'}</script>"
    "<script src='https://ct.captcha-delivery.com/c.js'></script></body></html>",
    "Imperva": page("", "<iframe src='/_Incapsula_Resource?CWUDNSAI=23'>Request unsuccessful. Incapsula incident ID:"),
    "HUMAN": page("Access to this page has been denied.", "<div id='px-captcha'></div>"),
    "AWS WAF": page("", "<script>window.gokuProps = {'key':'A'};</script><div id='challenge-container'></div>"),
    "Sucuri": page("You are being redirected...", "<script>var s={};sucuri_cloudproxy_js='';</script>"),
    "Akamai": page("", "<div id='sec-if-cpt-container'></div>"),
    "Anubis": page(
        "Making sure you&#39;re not a bot!", "<script src='/.within.website/x/cmd/anubis/static/js'></script>"
    ),
    "SiteGround": "<html><head><meta http-equiv='refresh' content='0;/.well-known/sgcaptcha/?r=%2Ffeed'></head></html>",
    "testcookie": "<html><body><script>document.cookie='__test='+slowAES.decrypt(c,2,a,b)</script></body></html>",
    "Vercel": page("Vercel Security Checkpoint", "We're verifying your browser"),
    "a captcha of their own": page("Are you a robot?", "<div class='g-recaptcha' data-sitekey='x'></div>"),
    "a title only": page("Verify you are human", "<form></form>"),
    "German": page("Einen Moment bitte…", "Ihr Browser wird geprüft."),
}


@pytest.mark.parametrize("name", CHALLENGES)
def test_challenges(name: str) -> None:
    with pytest.raises(FeedError) as caught:
        read(CHALLENGES[name], "text/html")
    assert caught.value.reason == "challenge"
    assert "challenge page" in str(caught.value)
    assert "ask the publisher" in str(caught.value)


def test_a_challenge_is_told_by_a_header_or_in_json_too() -> None:
    with pytest.raises(FeedError) as caught:
        parse(b"<html></html>", url=URL, content_type="text/html", now=NOW, headers={"cf-mitigated": "challenge"})
    assert caught.value.reason == "challenge"
    with pytest.raises(FeedError) as caught:
        read('{"url": "https://geo.captcha-delivery.com/captcha/?initialCid=AH"}', "application/json")
    assert caught.value.reason == "challenge"


@pytest.mark.parametrize(
    "body",
    [
        page("courier.example", "<script src='//d1.sedoparking.com/frmpark/x.js'></script>"),
        page("", "<script src='https://www.parkingcrew.net/jsparkcaf.php'></script>"),
        '<html><body><script>window.park = "eyJ1dWlk"</script><script src="/bKpVz.js"></script></body></html>',
        '<!doctype html><html data-adblockkey="MFwwDQYJ" lang="en"><body><div id="target"></div></body></html>',
        page("courier.example", '<script>window.LANDER_SYSTEM="PW"</script>'),
        page(
            "CourierExample.com is for sale | HugeDomains", "<a href='https://www.hugedomains.com/domain_profile.cfm'>"
        ),
        page("courier.example", "<h1>This domain may be for sale.</h1>"),
        page("courier.example", "Diese Domain steht zum Verkauf! <a href=x>Angebot</a>"),
        page("courier.example", "<p>The domain has expired. Is this your domain? Renew now!</p>"),
    ],
)
def test_parked_domains(body: str) -> None:
    with pytest.raises(FeedError, match="parked domain") as caught:
        read(body, "text/html")
    assert caught.value.reason == "parked"


@pytest.mark.parametrize(
    ("body", "url"),
    [
        (page("Before you continue", "<form action='https://consent.google.com/save'>"), URL),
        (page("Courier", "<p>Accept?</p>"), "https://consent.courier.example/collect?next=%2Ffeed"),
        (page("Cookie consent", "<button>Accept all</button>"), URL),
        (page("Zustimmung", "Mit Werbung weiterlesen"), URL),
    ],
)
def test_consent_pages(body: str, url: str) -> None:
    with pytest.raises(FeedError, match="consent page") as caught:
        read(body, "text/html", url)
    assert caught.value.reason == "consent"


@pytest.mark.parametrize(
    ("body", "url"),
    [
        (page("Log in - Courier", "<form><input name=u><input type='password'></form>"), URL),
        (page("Anmelden", "<form><input type=password></form>"), URL),
        (page("Sign in", "<form><input type=password><div class='g-recaptcha'></div></form>"), URL),
        (page("Intranet", "<input type='password'>"), "https://courier.example/wp-login.php?redirect_to=%2Ffeed"),
        (page("Courier", "<form action='/saml/login'></form>"), "https://login.courier.example/"),
    ],
)
def test_login_pages(body: str, url: str) -> None:
    with pytest.raises(FeedError, match="login page") as caught:
        read(body, "text/html", url)
    assert caught.value.reason == "login"
    assert "user:password@" in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        page("404 Not Found", "<h1>Not Found</h1><p>nginx</p>"),
        page("Page not found – The Courier", LOREM[:500]),
        page("Courier", "<h1>Seite nicht gefunden</h1>"),
        page("503 Service Temporarily Unavailable"),
        page("Maintenance mode", "Back soon"),
        page("Account Suspended", "Contact your hosting provider"),
        page("Database Error", "<h1>Error establishing a database connection</h1>"),
        page("Access Denied", "You don't have permission"),
        page("Welcome to nginx!", "<h1>Welcome to nginx!</h1>"),
        page("Index of /feeds", "<pre>all.xml</pre>"),
    ],
)
def test_error_pages_that_say_200(body: str) -> None:
    with pytest.raises(FeedError) as caught:
        read(body, "text/html")
    assert caught.value.reason == "error-page"
    assert "check the address" in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        # Cloudflare, Imperva and Google put these on ordinary pages too.
        page("The Courier", LOREM + "<script src='/cdn-cgi/challenge-platform/scripts/jsd/main.js'></script>"),
        page("The Courier", LOREM + "<script src='/_Incapsula_Resource?SWJIYLWA=719d34d31c8e3a6e6fffd425f7e032f3'>"),
        page("Contact us", LOREM + "<div class='g-recaptcha'></div>"),
        # Articles about it all.
        page("Just a moment: how captchas took over the web", LOREM),
        page("404 Media", LOREM),
        page("404 Media", "<p>Founded by journalists</p>"),
        page("This domain is for sale: the trade in names", LOREM),
        page("Cookie consent is broken", LOREM),
        page("Why login pages fail", LOREM + "<form action='/login'><input type='password'></form>"),
        page("The Courier", "<form action='/login'><input type='password'></form>"),
        page("Sign of hope", "<p>A short page</p>"),
        page("Moments of the year", "<p>Just a moment of joy</p>"),
        page("Security in Europe", "<p>A summit</p>"),
    ],
)
def test_ordinary_pages_are_only_pages(body: str) -> None:
    assert recognise(body, "https://courier.example/feed", {}) is None
    with pytest.raises(FeedError, match="web page") as caught:
        read(body, "text/html")
    assert caught.value.reason == "not-a-feed"


@pytest.mark.parametrize("name", CHALLENGES)
def test_a_feed_that_speaks_of_challenges_stays_a_feed(name: str) -> None:
    quoted = f"<![CDATA[{CHALLENGES[name]}]]>"
    found = read(rss(item(1, title="Just a moment...", description=quoted)), "text/html")
    assert [entry.title for entry in found.entries] == ["Just a moment..."]
    # Even with headers that speak against it: the body counts.
    body = rss(item(1, title="This domain is for sale")).encode()
    found = parse(body, url=URL, content_type="text/html", now=NOW, headers={"cf-mitigated": "challenge"})
    assert len(found.entries) == 1


def test_a_front_page_behind_a_layer_still_names_its_feeds() -> None:
    body = page("Cookie consent", "", '<link rel="alternate" type="application/atom+xml" href="/atom">')
    with pytest.raises(FeedError, match="names this feed: https://courier") as caught:
        read(body, "text/html")
    assert caught.value.reason == "not-a-feed"


@pytest.mark.parametrize("unit", ["<script", "<style>", "<a <b", "<title>", "<h1 ", "&lt;", "<input ", "<!--", '{"a":'])
def test_long_pages_take_linear_time(unit: str) -> None:
    body = "<!DOCTYPE html><html>" + unit * (1_000_000 // len(unit))
    with pytest.raises(FeedError) as caught:
        read(body, "text/html")
    assert caught.value.reason in ("not-a-feed", "error-page")


def test_credentials_stay_out_of_sentences() -> None:
    for body in ("nothing", page("Just a moment..."), "{}", "<urlset><url><loc>/a</loc></url></urlset>"):
        with pytest.raises(FeedError) as caught:
            read(body, url="https://me:hunter2@courier.example/feed?token=abc123")
        assert "hunter2" not in str(caught.value)
        assert "abc123" not in str(caught.value)
