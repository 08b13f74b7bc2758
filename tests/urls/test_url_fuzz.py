"""The identity of a URL under any input: the same at every pass, never an error but InputError, and no more is dropped
than what only says where a reader came from. The examples are the same at every run."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import parse_qsl, quote, urlsplit

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import urls
from pipeline.errors import InputError


def fuzz(examples: int) -> settings:
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


pieces = st.sampled_from(
    ["http", "https", "HTTPS", ":", "//", "/", "\\", "@", "?", "#", "&", ";", "=", "%", "%2", "%2F", "%2f", "%41",
     "%e9", "%C3%A9", "%00", "..", ".", "./", "/../", "[", "]", "::1", "[::1]", "127.0.0.1", "0x7f.1", "example.org",
     "EXAMPLE.ORG.", "xn--", "xn--e1afmkfd", "пример.рф", "ß.de", "faß.de", "。", "．", "\u200b", "\u00ad", "\ufeff",
     "\t", "\n", "\0", " ", "é", "😀", "\ud800", "user:pass", ":80", ":443", ":0", ":99999", "utm_source=x",
     "FBCLID=1", "id=1", "ref=a.example", "a", "A", "1", "~", "+", "*", "'", '"', "<", ">", "|", "^", "`", "{", "}"]
)  # fmt: skip
anything = st.lists(pieces | st.text(max_size=4), max_size=14).map("".join)
hosts = st.sampled_from(
    ["example.org", "EXAMPLE.org", "www.example.co.uk:8080", "[2001:db8::1]", "10.0.0.1", "пример.рф"]
)


@fuzz(500)
@given(anything, hosts)
def test_any_text_is_refused_by_name_or_has_one_identity(text: str, host: str) -> None:
    for url in (text, f"https://{text}", f"http://{host}/{text}", f"HTTP://{host}?{text}"):
        try:
            once = urls.canonical(url)
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017
            for call in (urls.key, urls.host_key, urls.registrable_domain, urls.credentials):
                with suppress(InputError):
                    call(url)
            continue
        assert urls.canonical(once) == once
        assert once.startswith("https://")
        assert once.isascii()
        assert not set(once) & set(' \t\r\n"<>\\^`{}|#')
        assert urls.host_key(url)
        assert urls.registrable_domain(url) == urls.registrable_domain(once)
        assert urls.is_http(url)


@fuzz(200)
@given(anything, anything)
def test_a_link_resolves_to_what_can_be_fetched_or_to_nothing(base: str, link: str) -> None:
    for at in (f"https://example.org/{base}", base):
        found = urls.absolute(at, link)
        if found is not None:
            assert urls.is_http(found)
            again = urls.absolute(found, found)
            assert again is not None
            assert urls.canonical(again) == urls.canonical(found)
    urls.mask(link)


word = st.text("abcxyzABCXYZ019-_~.", min_size=1, max_size=8).filter(lambda text: set(text) != {"."})
path = st.lists(word, max_size=5).map(lambda parts: "/" + "/".join(parts))
meaning = st.sampled_from(
    ["id", "ID", "p", "page", "q", "article", "v", "story", "s", "t", "lang", "date", "tag", "cat", "pk_id", "source",
     "campaign", "medium", "ref", "utm", "utmost", "cid", "gid", "hsa", "at", "ns", "mc", "content", "term", "origin"]
)  # fmt: skip
tracking = st.sampled_from(
    ["utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "utm_id", "fbclid", "gclid", "dclid",
     "msclkid", "yclid", "twclid", "igshid", "mc_cid", "mc_eid", "mtm_source", "pk_campaign", "_hsenc", "_openstat",
     "at_medium", "xtor"]
)  # fmt: skip
values = st.text("abcXYZ019-_é %&+", max_size=8).map(lambda text: quote(text, safe=""))


@fuzz(200)
@given(
    path, st.lists(st.tuples(meaning, values), max_size=5), st.lists(st.tuples(tracking, values), max_size=4), st.data()
)
def test_only_tracking_goes_in_any_letter_case_and_any_place(
    where: str, kept: list[tuple[str, str]], dropped: list[tuple[str, str]], data: st.DataObject
) -> None:
    wanted = [f"{name}={value}" for name, value in kept]
    query = list(wanted)
    for name, value in dropped:
        spelt = "".join(data.draw(st.sampled_from([letter.lower(), letter.upper()])) for letter in name)
        # Also with one letter escaped, as some mailers do.
        spelt = data.draw(st.sampled_from([spelt, f"%{ord(spelt[0]):02x}{spelt[1:]}", f"{spelt}="])).removesuffix("=")
        query.insert(data.draw(st.integers(0, len(query))), f"{spelt}={value}")
    found = urlsplit(urls.canonical(f"https://example.org{where}?{'&'.join(query)}"))
    assert found.path == where
    assert parse_qsl(found.query, keep_blank_values=True) == parse_qsl("&".join(wanted), keep_blank_values=True)


@fuzz(200)
@given(path, st.text(max_size=10))
def test_what_is_not_sent_to_the_server_is_no_part_of_the_identity(where: str, fragment: str) -> None:
    plain = urls.canonical(f"https://example.org{where}")
    for url in (
        f"http://example.org{where}",
        f"https://EXAMPLE.org:443{where}#{quote(fragment)}",
        f"http://me:secret@example.org:80{where}",
        f" https://example.org.{where}\n",
        f"https://example.org/x/..{where}",
    ):
        assert urls.canonical(url) == plain
