"""Identity of a URL, kept apart from the URL to fetch.

`canonical` says whether two URLs are the same page; nobody may fetch what it returns. Rules follow RFC 3986, section 6
(syntax-based normalisation), as far as they cannot change which page is meant, and drop what only says where a reader
came from. The Public Suffix List is the copy bundled with tldextract: no request is ever made for it.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from functools import lru_cache
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit, urlunsplit

import idna
import tldextract

from pipeline.errors import InputError

MAX_LENGTH = 8192
"""Longer URLs are refused: servers answer 414 at about this length, and an index has to hold the key."""

_TRACKING_PREFIXES = ("utm_", "mtm_", "matomo_", "piwik_", "hsa_", "guce_")
# Exact names only where a prefix could hit a parameter with a meaning (`pk_id` is somebody's primary key).
_TRACKING_NAMES = frozenset(
    """
    fbclid gclid gclsrc dclid gbraid wbraid msclkid yclid ysclid twclid ttclid li_fat_id epik igshid igsh mibextid
    mc_cid mc_eid mkt_tok _hsenc _hsmi __hssc __hstc __hsfp hsctatracking vero_id vero_conv oly_anon_id oly_enc_id
    rb_clickid wickedid _openstat srsltid ref_src _ga _gl dm_i ml_subscriber ml_subscriber_hash s_cid cmpid ncid ocid
    cmp smid ito xtor guccounter soc_src soc_trk sfnsn taid traffic_source
    pk_campaign pk_kwd pk_keyword pk_source pk_medium pk_content pk_cid
    ga_source ga_medium ga_term ga_content ga_campaign ga_place
    ns_mchannel ns_source ns_campaign ns_linkname ns_fee
    at_medium at_campaign at_campaign_type at_custom1 at_custom2 at_custom3 at_custom4 at_link_id at_link_origin
    at_link_type at_format at_bbc_team at_ptr_name at_creation at_send_date
    itm_source itm_medium itm_campaign itm_content itm_term
    """.split()
)
# What says that a value is never shown, in names of parameters without `-`, `_` and `.`. The first have to be the whole
# name, for `author` and `keyword` are no secrets; the others may be a part of it.
_SECRET_NAMES = frozenset("auth key sig sid pwd pass jwt hmac hdnea hdnts nonce otp policy ticket".split())
_SECRET_PARTS = re.compile(
    "token|secret|passw|signature|apikey|accesskey|keypairid|credential|session|sessid|unlockedarticlecode|authkey"
)

_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_-])?")
_ESCAPE = re.compile(r"%([0-9a-fA-F]{2})")
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# What may stand as it is in a path or query (RFC 3986 pchar, "/" and "?"); "%" because escapes are kept.
_SAFE = "%/?:@!$&'()*+,;=-._~"
# Browsers drop these wherever they stand (WHATWG URL, "basic URL parser"); at the ends any blank goes too.
_IGNORED = re.compile(r"[\t\r\n]")
_ENDS = "".join(map(chr, range(0x21))) + "\x7f\xa0\u200b\ufeff"
_USERINFO = re.compile(r"(?<=//)[^/?#\s]*@")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
_HTTP = re.compile(r"https?:", re.IGNORECASE)

_suffixes = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=(), fallback_to_snapshot=True)


def canonical(url: str) -> str:
    """Give the identity of `url`: equal for two URLs exactly when they are taken for the same page.

    http and https are one identity (sites move between them and serve the same page on both), written as https; ports
    80 and 443 are dropped. Scheme and host are lower-cased, a Unicode host becomes its IDNA form. Credentials, fragment
    and tracking parameters (in any letter case) are dropped; every other parameter stays, in order; the case of the
    path stays. Percent escapes are written one way, dot segments resolved. Idempotent.

    Raises InputError, naming the URL, for anything but an http or https URL with a usable host.
    """
    parts, host, port = _split(url)
    netloc = host if port in (None, 80, 443) else f"{host}:{port}"
    path = _dot_segments(_escapes(parts.path)) or "/"
    pieces = [piece for piece in _escapes(parts.query).split("&") if piece and not _is_tracking(piece)]
    return urlunsplit(("https", netloc, path, "&".join(pieces), ""))


def key(url: str) -> str:
    """Give 32 hex digits (the first 128 bits of SHA-256) of the canonical form, for a unique index.

    Raises InputError as `canonical` does.
    """
    return hashlib.sha256(canonical(url).encode("ascii")).hexdigest()[:32]


def host_key(url: str) -> str:
    """Give the key under which politeness is counted: one publisher, however many hosts it has.

    That is the domain that was registered (`bbc.co.uk`; for hosted blogs that of the platform, whose servers they are).
    An IP address and a localhost name count with their port, since each port there is a site of its own; a name under
    no known suffix counts as it is. Raises InputError as `canonical` does.
    """
    parts, host, port = _split(url)
    if _is_ip(host) or _is_localhost(host):
        default = 443 if parts.scheme.lower() == "https" else 80
        return f"{host}:{port or default}"
    return _registered(host, private=False) or host


def registrable_domain(url: str) -> str:
    """Give the domain under one owner's control (`bbc.co.uk`, `someone.github.io`), or the host where there is none.

    Unlike `host_key` it parts the customers of a hosting platform: one may not speak for another.
    Raises InputError as `canonical` does.
    """
    _, host, _ = _split(url)
    return host if _is_ip(host) else _registered(host, private=True) or host


def is_http(url: str) -> bool:
    """Say whether `url` is an absolute http or https URL with a usable host."""
    try:
        _split(url)
    except InputError:
        return False
    return True


def absolute(base: str, link: str) -> str | None:
    """Resolve `link`, as found in a document at `base`, to the URL to fetch; None when it is no http(s) URL.

    A link without a scheme that begins with a host (`www.example.org/a`, or the base's own domain) is taken for one,
    although by the letter it is a relative path.
    """
    link = _IGNORED.sub("", link.strip(_ENDS))
    if not link or (_SCHEME.match(link) and not _HTTP.match(link) and not _is_host_and_port(link)):
        return None
    try:
        if _HTTP.match(link):
            joined = re.sub(r"^(https?):/*", r"\1://", link, flags=re.IGNORECASE)
        elif _begins_with_host(base, link):
            joined = f"{urlsplit(base).scheme or 'https'}://{link}"
        else:
            joined = urljoin(base, link)
    except ValueError:
        return None
    return joined if is_http(joined) else None


def credentials(url: str) -> tuple[str, str] | None:
    """Give user name and password in `url`, percent-decoded, or None. Raises InputError as `canonical` does."""
    parts, _, _ = _split(url)
    if parts.username is None and parts.password is None:
        return None
    return unquote(parts.username or ""), unquote(parts.password or "")


def without_credentials(url: str) -> str:
    """Give `url` without user name and password. Never raises; in text that is no URL they are cut out as well."""
    try:
        parts = urlsplit(url)
    except ValueError:  # imported articles keep what stood for their URL, such as `https://[::1`
        return _USERINFO.sub("", url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def mask(url: str) -> str:
    """Give `url` as it may be shown: password, user name and the values of parameters such as `token` become `***`.

    Never raises; text that is no URL comes back with what looks like credentials hidden.
    """
    shown = _USERINFO.sub("***@", url)
    return re.sub(r"(?<=[?&;])([^=&#;\s]+)=([^&#;\s]+)", _mask_parameter, shown)


def _mask_parameter(match: re.Match[str]) -> str:
    name = match.group(1)
    return f"{name}=***" if is_secret(unquote(name)) else match.group(0)


def is_secret(name: str) -> bool:
    """Whether what goes by this name, a parameter or a setting, is not to be shown."""
    plain = re.sub("[-_.]", "", name).lower()
    return plain in _SECRET_NAMES or _SECRET_PARTS.search(plain) is not None


def _split(url: str) -> tuple[SplitResult, str, int | None]:
    """Part an http(s) URL; host is lower-case ASCII (an IPv6 address in brackets)."""
    if not isinstance(url, str):
        raise InputError(f"a URL is text, not {type(url).__name__}")
    text = _IGNORED.sub("", url.strip(_ENDS))
    if len(text) > MAX_LENGTH:
        raise InputError(f"the URL {mask(text[:80])}… has {len(text)} characters; {MAX_LENGTH} is the limit")
    try:
        parts = urlsplit(text)
        port = parts.port
        host = parts.hostname or ""
    except ValueError as error:
        raise InputError(f"{mask(text)!r} is not a URL: {error}") from error
    if parts.scheme.lower() not in ("http", "https"):
        raise InputError(f"{mask(text)!r} is not an http or https URL")
    if port == 0 or "\\" in parts.netloc:
        raise InputError(f"{mask(text)!r} has no usable host")
    return parts, _host(host, text), port


def _host(host: str, url: str) -> str:
    if ":" in host:
        try:
            return f"[{ipaddress.IPv6Address(host.partition('%')[0]).compressed}]"
        except ValueError as error:
            raise InputError(f"{mask(url)!r} has a malformed IPv6 address") from error
    host = unquote(host).rstrip(".").lower()
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True, transitional=False).decode("ascii").rstrip(".")
        except (idna.IDNAError, UnicodeError) as error:
            raise InputError(f"{mask(url)!r} has a host that cannot be a domain name: {error}") from error
    if not _HOST.fullmatch(host) or ".." in host or len(host) > 253 or any(len(part) > 63 for part in host.split(".")):
        raise InputError(f"{mask(url)!r} has no usable host")
    return host


def _escapes(text: str) -> str:
    """Write percent escapes one way: unreserved characters plain, the rest with upper-case digits."""

    def one(match: re.Match[str]) -> str:
        char = chr(int(match.group(1), 16))
        return char if char in _UNRESERVED else match.group(0).upper()

    # Half a character cannot be sent; browsers put the replacement character in its place (WHATWG URL, USVString).
    text = _SURROGATE.sub("\ufffd", text)
    # A "%" that begins no escape is escaped itself, or a second pass could read one from it and what follows.
    text = re.sub(r"%(?![0-9a-fA-F]{2})", "%25", text)
    return quote(_ESCAPE.sub(one, text), safe=_SAFE)


def _dot_segments(path: str) -> str:
    """Resolve `.` and `..` (RFC 3986, 5.2.4); everything else, empty segments too, stays."""
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments[1:]:
        if segment == "..":
            if kept:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _is_tracking(piece: str) -> bool:
    name, _, value = piece.partition("=")
    name = unquote(name).lower()
    if name in _TRACKING_NAMES or name.startswith(_TRACKING_PREFIXES):
        return True
    # Blog software appends `ref=its-own-domain` to outgoing links; any other `ref` may be a page's own reference.
    return name == "ref" and "." in value and bool(_registered(unquote(value).lower(), private=False))


def _is_ip(host: str) -> bool:
    if host.startswith("["):
        return True
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def _is_localhost(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost")


@lru_cache(maxsize=16_384)
def _registered(host: str, *, private: bool) -> str:
    return _suffixes.extract_str(host, include_psl_private_domains=private).top_domain_under_public_suffix


def _is_host_and_port(link: str) -> bool:
    """`example.org:8080/x` looks like a scheme; a dot before the colon and digits after it say otherwise."""
    return re.match(r"[^/?#:]*\.[^/?#:]*:\d", link) is not None


def _begins_with_host(base: str, link: str) -> bool:
    first = re.split(r"[/?#:]", link, maxsplit=1)[0].lower()
    if "." not in first or link.startswith("."):
        return False
    own = urlsplit(base).hostname or ""
    if first.startswith("www."):
        return bool(_registered(first, private=False))
    domain = _registered(first, private=True)
    return bool(domain) and domain == _registered(own, private=True)
