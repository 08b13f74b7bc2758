"""Marks by which pages that stand in for a feed are known, and the way out of each. Matched on lower-case text unless
a pattern says otherwise.

The names in scripts are those that the services' own pages load; ordinary pages behind the same service (Cloudflare's
and Imperva's scripts are on millions of them) do not carry them.
"""

from __future__ import annotations

import re


def _any(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


def _in_lower(*alternatives: str) -> re.Pattern[str]:
    """For whole pages, in lower case: to ignore the case there takes three times as long."""
    return re.compile("|".join(alternatives))


# ---- challenges ----

CHALLENGE_WAY = "ask the publisher to let feed readers through at this address, or look for another address of the feed"
CHALLENGE_HEADERS = (
    ("cf-mitigated", "challenge", "Cloudflare"),
    ("x-amzn-waf-action", "challenge", "AWS WAF"),
    ("x-amzn-waf-action", "captcha", "AWS WAF"),
    ("x-vercel-mitigated", "challenge", "Vercel"),
)
# On these pages only, however long they are.
CHALLENGE_SCRIPTS = (
    ("Cloudflare", _in_lower(r"window\._cf_chl_opt\b", r"id=[\"']challenge-error-text", r"cf-browser-verification")),
    ("DataDome", _in_lower(r"//(?:geo|ct)\.captcha-delivery\.com/(?:captcha|interstitial|[ci]\.js)")),
    ("Imperva", _in_lower(r"incapsula incident id", r"_incapsula_resource\?cwudnsai")),
    ("HUMAN", _in_lower(r"id=[\"']px-captcha[\"']")),
    ("AWS WAF", _in_lower(r"window\.gokuprops\b", r"awswafintegration\.checkforcerefresh\b")),
    ("Sucuri", _in_lower(r"sucuri_cloudproxy_js", r"sucuri website firewall - access denied")),
    ("Akamai", _in_lower(r"id=[\"']sec-if-cpt-container", r"/_sec/cp_challenge/", r"bm-verify=")),
    ("Anubis", _in_lower(r"/\.within\.website/x/(?:cmd/anubis|xess)")),
    ("Kasada", _in_lower(r"window\.kpsdk\s*=\s*\{\}")),
    ("SiteGround", _in_lower(r"/\.well-known/(?:sg)?captcha/\?(?:r|y)=")),
    ("DDoS-Guard", _in_lower(r"ddos-guard\.net/js-challenge", r"/\.well-known/ddos-guard/js-challenge")),
    ("testcookie", _in_lower(r"slowaes\.decrypt\(")),
    ("Radware", _in_lower(r"//validate\.perfdrive\.com/")),
    ("Baidu", _in_lower(r"//wappass\.baidu\.com/static/captcha")),
)  # fmt: skip
# On ordinary pages as well, where they guard a form: these count only where there is hardly any text besides.
SMALL_CHALLENGES = (
    ("Cloudflare", _in_lower(r"/cdn-cgi/challenge-platform/h/[bg]/orchestrate/", r"class=[\"']cf-turnstile[\"']")),
    ("reCAPTCHA", _in_lower(r"class=[\"'][^\"']{0,60}\bg-recaptcha\b")),
    ("hCaptcha", _in_lower(r"class=[\"'][^\"']{0,60}\bh-captcha\b")),
    ("Imperva", _in_lower(r"<iframe[^<>]{0,200}_incapsula_resource")),
)
CHALLENGE_WORDS = (
    ("Cloudflare", _any(r"^just a moment\b", r"^attention required! \| cloudflare")),
    ("Vercel", _any(r"^vercel security checkpoint")),
    ("DDoS-Guard", _any(r"^ddos-guard$")),
    ("Imperva", _any(r"^pardon our interruption")),
    ("Anubis", _any(r"^making sure you(?:&#39;|['’])?re not a bot")),
    (
        "",
        _any(
            r"\b(?:are you|not) (?:a )?(?:human|robot)\b.{0,20}$", r"^human verification", r"^bot verification",
            r"^(?:please )?verify (?:that )?you are (?:a )?human", r"^security (?:check|verification)(?: required)?$",
            r"^checking (?:your|the) browser\b", r"^browser check", r"^access to this page has been denied",
            r"^one moment,? please", r"^please wait(?: \||\.|…|$)", r"^(?:re)?captcha$", r"^ddos protection\b",
            r"^un instant(?:…|\.\.\.)$", r"^einen moment(?: bitte)?(?:…|\.\.\.)$", r"^un momento(?:…|\.\.\.)$",
            r"^(?:один момент|проверка браузера)", r"^robot or human\??", r"^are you a robot\??",
        ),
    ),
)  # fmt: skip

# ---- parked domains ----

PARKED_WAY = "the publisher has left it: find the new address of the feed, or remove it"
PARKING_SCRIPTS = (
    ("Sedo", _in_lower(r"//(?:[\w.-]+\.)?sedoparking\.com/")),
    ("ParkingCrew", _in_lower(r"//(?:[\w.-]+\.)?parkingcrew\.net/")),
    ("Bodis", _in_lower(r"window\.park\s*=\s*[\"']", r"//(?:[\w.-]+\.)?bodiscdn\.com/")),
    ("GoDaddy", _in_lower(r"//img\d*\.wsimg\.com/parking-lander/", r"window\.lander_system\s*=", r"//(?:[\w.-]+\.)?"
                     r"afternic\.com/forsale/")),
    ("HugeDomains", _in_lower(r"//(?:www\.)?hugedomains\.com/(?:domain_profile|shopping_cart|images/hdv3)")),
    ("Dan.com", _in_lower(r"//(?:cdn\d*\.|www\.)?dan\.com/(?:assets|buy-domain)", r"//cdn\d*\.undeveloped\.com/")),
    ("ParkLogic", _in_lower(r"//(?:[\w.-]+\.)?parklogic\.com/")),
    ("Above.com", _in_lower(r"//(?:[\w.-]+\.)?above\.com/marketplace/", r"//(?:[\w.-]+\.)?trustednames\.io/")),
    ("", _in_lower(r"<html[^<>]{0,300}\bdata-adblockkey=", r"//d38psrni17bvxu\.cloudfront\.net/")),
)  # fmt: skip
PARKED_WORDS = _any(
    r"\b(?:this|the) (?:web ?site|domain(?: name)?|webpage|premium domain)\b.{0,80}\b(?:is|may be|are) (?:available )?"
    r"for sale\b",
    r"\b(?:buy|purchase|acquire|own) th(?:is|e) domain\b", r"\bdomain (?:name )?(?:is )?for sale\b",
    r"\b(?:this|the) domain (?:name )?(?:is|has been|was) (?:parked|registered (?:at|by|with)|expired)\b",
    r"\bdomain (?:is |has )?expired\b", r"\bparked (?:free|for free|courtesy|domain)\b", r"\bdomain parking\b",
    r"\bdiese (?:domain|internetadresse) (?:steht|ist).{0,40}\b(?:verkauf|zu verkaufen|geparkt)",
    r"\bce (?:nom de )?domaine est (?:à vendre|en vente|parqué|expiré)",
    r"\beste dominio (?:está|esta) (?:a la venta|en venta|disponible|aparcado)",
    r"\beste domínio (?:está|foi) (?:à venda|registrado|estacionado)", r"\bdit domein is (?:te koop|geparkeerd)",
    r"\bquesto dominio è (?:in vendita|parcheggiato)", r"\bдомен (?:продаётся|продается|припаркован)",
    r"\bta domena jest na sprzedaż",
)  # fmt: skip

# ---- consent ----

CONSENT_WAY = "ask the publisher to exempt the feed from it, or look for an address that asks for no consent"
CONSENT_HOST = _any(
    r"^(?:consent|cookies?|myprivacy|privacy|cmp|guce|zustimmung|choice)\.", r"(?:^|\.)privacy-mgmt\.com$"
)
CONSENT_TITLE = _any(
    r"^before you continue\b", r"\b(?:cookie|privacy|data)[ -](?:consent|settings|preferences|choices|wall)\b",
    r"^we value your privacy", r"^your (?:privacy|data)(?: choices)?$", r"^bevor (?:sie|du) .{0,30}weiter",
    r"^(?:ihre|deine) (?:privatsphäre|zustimmung|einwilligung)", r"\b(?:datenschutz|cookie)-?(?:einstellungen|hinweis"
    r"|zustimmung)", r"\bzustimmung(?:sabfrage)?$", r"^avant (?:d['’]accéder|de continuer)", r"^antes de continuar",
    r"\b(?:gestion|paramètres) des cookies", r"^prima di continuare", r"^voordat (?:je|u) verder", r"\bcookiewall\b",
    r"^avant d’accéder",
)  # fmt: skip
CONSENT_SCRIPT = _any(
    r"action=[\"'][^\"']{0,100}(?:/collectconsent|consent\.(?:google|youtube|yahoo)\.)",
    r"class=[\"'][^\"']{0,60}\bconsent-(?:page|form|overlay)\b",
)

# ---- login ----

LOGIN_WAY = "give an address that carries the access (https://user:password@…, or one with a key in it), or remove it"
LOGIN_TITLE = _any(
    r"\b(?:log|sign)[ -]?(?:in|on)\b",
    r"\b(?:anmelden|anmeldung|einloggen)\b",
    r"\b(?:se connecter|connexion)\b",
    r"\b(?:iniciar sesi[oó]n|acceso|entrar|accedi|inloggen|logga in|log ind|zaloguj)\b",
    r"\b(?:вход|войти)\b",
    r"^(?:登录|登入|ログイン|로그인)",
)
LOGIN_PATH = _any(r"/(?:log-?in|sign-?in|wp-login\.php|oauth2?|sso|saml|anmelden|auth)(?:[/.]|$)")
LOGIN_HOST = _any(r"^(?:login|signin|sso|auth|accounts?|id|idp)\.", r"^login\.microsoftonline\.com$")
LOGIN_FORM = _any(
    r"<input[^<>]{0,300}type\s*=\s*[\"']?(?:password|email)", r"<form[^<>]{0,300}\b(?:login|signin|sign-in|sso|saml)"
)

# ---- errors and empty servers ----

ERROR_WAY = "check the address in a browser; the server says with its status (200) that all is well"
ERROR_TITLE = _any(
    # The words behind the number part it from a number in a name (404 Media is a news outlet).
    r"^(?:http )?(?:(?:error|fehler|erreur|ошибка)[ :#-]{0,3})?(?:40[0134589]|410|429|451|50[0-4]|52\d)(?:$"
    r"|[ :|!,.–—-]{1,4}(?:$|not|page|pagina|página|error|fehler|erreur|forbidden|internal|server|bad|gateway|service"
    r"|unauthori|access|gone|too|seite|nicht|file|method|request|oops|we|sorry|страница|ошибка))",
    r"^(?:error|fehler|erreur) \d{3}\b",
    r"\b(?:page|seite|file|url|resource|site) (?:was |could )?(?:not|nicht) (?:be )?(?:found|gefunden)\b",
    r"^(?:[^|–-]{0,60}[|–-] ?)?(?:not found|page introuvable|page non trouvée|página no encontrada|pagina non trovata"
    r"|página não encontrada|pagina niet gevonden|страница не найдена|ページが見つかりません|页面不存在)",
    r"\b404\b.{0,30}(?:not found|error|fehler|seite|page)", r"\b(?:page|error|fehler|erreur) 40[34]\b",
    r"^(?:internal server error|service (?:temporarily )?unavailable|bad gateway|gateway time-?out|forbidden"
    r"|access (?:is )?denied|bad request|unauthori[sz]ed|too many requests|request blocked)",
    r"^(?:site )?(?:under |down for |undergoing |scheduled )maintenance", r"^maintenance(?: mode)?$", r"^wartungs",
    r"^(?:this )?(?:account|site|website)(?: has been| is)? suspended", r"^database error", r"^error$",
    r"^(?:an )?error (?:has )?occurred", r"^(?:oops|whoops)\b", r"^wordpress (?:›|>) error", r"^site not found",
)  # fmt: skip
EMPTY_SERVER = _any(
    r"^welcome to (?:nginx|openresty|caddy)\b",
    r"^apache2? .{0,30}default page",
    r"^test page for",
    r"^iis windows",
    r"^index of /",
    r"^(?:web ?site )?(?:is )?coming soon",
    r"^default (?:web ?site|page)",
    r"^under construction",
)

FILES = (
    ("%PDF", "a PDF"), ("\x89PNG", "an image"), ("\ufffdPNG", "an image"), ("‰PNG", "an image"), ("GIF8", "an image"),
    ("PK\x03\x04", "a ZIP file"), ("ID3", "an audio file"), ("RIFF", "a media file"),
)  # fmt: skip
