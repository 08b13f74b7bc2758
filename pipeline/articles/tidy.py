"""Lines of an extracted text that are not the article's: its own title again, forms, share bars, promotion."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pipeline.articles.wording import fold, squeeze

HEAD_LINES = 8
"""Bylines, dates and breadcrumbs stand among the first lines, if they were taken with the text at all."""
TAIL_SHARE = 0.45
"""A heading such as "Leave a Reply" ends the article when what follows is at most this share of it."""

_I = re.IGNORECASE
# The standard wording of comment forms in WordPress and its kin, in the languages where it is most common.
_FORM = re.compile(
    r"""
    (?:leave|post|add|write)\ (?:a|your)\ (?:reply|comment|response)\b.{0,60} | (?:cancel|click\ here\ to\ cancel)\ reply\.?
  | your\ e-?mail\ (?:address\ )?(?:will\ not|won't)\ be\ (?:published|made\ public|shown|displayed).{0,120}
  | .{0,80}required\ fields\ are\ marked.{0,40} | .{0,40}fields\ marked\ with\ an?\ asterisk.{0,60}
  | (?:name|e-?mail|website|url|comment|your\ (?:name|e-?mail|comment|message))(?:\ address)?\s*\(?(?:\*|required|:)*\)?\s*\*?
  | (?:save|remember)\ my\ (?:name|details|info).{0,120}
  | you\ must\ be\ logged\ in\ to\ (?:post|leave)\ a\ (?:comment|reply).{0,20} | log\ ?in\ to\ (?:leave\ a\ )?(?:comment|reply)
  | notify\ me\ (?:of|about|when|by|via).{0,80} | this\ site\ uses\ akismet.{0,120} | learn\ how\ your\ comment\ data.{0,40}
  | (?:post|submit|send|publish)\ (?:your\ )?(?:comment|reply)
  | (?:there\ are\ )?(?:no|\d+)\ (?:comments?|responses?|replies)(?:\ yet)?(?:\ (?:on|to)\ .{0,200})? | comments?\ (?:are\ )?closed\.?
  | be\ the\ first\ to\ comment.{0,40} | comments?(?:\ \(\d+\))?
  | schreibe?n?\ (?:sie\ )?einen\ kommentar.{0,40} | kommentar\ (?:schreiben|hinterlassen|abschicken).{0,20} | antworten\ abbrechen
  | .{0,10}e-mail-adresse\ wird\ nicht\ veröffentlicht.{0,100} | erforderliche\ felder\ sind.{0,60}
  | laisser\ un\ commentaire.{0,60} | annuler\ la\ réponse | votre\ adresse\ e-?mail\ ne\ sera\ pas\ publiée.{0,120}
  | les\ champs\ obligatoires.{0,60}
  | deja\ (?:una\ respuesta|un\ comentario).{0,60} | cancelar\ (?:la\ )?respuesta
  | (?:tu|su)\ dirección\ de\ correo\ electrónico\ no\ será\ publicada.{0,120} | los\ campos\ (?:obligatorios|necesarios|requeridos).{0,60}
  | deixe\ (?:um\ comentário|uma\ resposta).{0,60} | o\ seu\ endereço\ de\ e-?mail\ não\ será\ publicado.{0,120} | campos\ obrigatórios.{0,60}
  | lascia\ un\ commento.{0,40} | annulla\ risposta | il\ tuo\ indirizzo\ e-?mail\ non\ sarà\ pubblicato.{0,120} | i\ campi\ obbligatori.{0,60}
  | geef\ een\ reactie.{0,40} | (?:het|je)\ e-mailadres\ wordt\ niet\ gepubliceerd.{0,120} | vereiste\ velden\ zijn.{0,60}
    """,
    _I | re.VERBOSE,
)
_FORM_HEADING = re.compile(
    r"(?:leave|post|add|write) (?:a|your) (?:reply|comment|response)\b.{0,60}|schreibe?n? (?:sie )?einen kommentar.{0,40}"
    r"|kommentar (?:schreiben|hinterlassen).{0,20}|laisser un commentaire.{0,60}|deja (?:una respuesta|un comentario).{0,60}"
    r"|deixe (?:um comentário|uma resposta).{0,60}|lascia un commento.{0,40}|geef een reactie.{0,40}",
    _I,
)
_NETWORK = (
    r"facebook|twitter|x|whats ?app|telegram|linked ?in|pinterest|reddit|e-?mail|mail|print|copy(?: link| url)?|link|tumblr|"
    r"flipboard|messenger|pocket|instagram|youtube|bluesky|mastodon|threads|viber|vk|line|sms|weibo|xing|skype|rss|more"
)
_SHARE = re.compile(
    rf"(?:(?:share|tweet|pin|post|save|like|send|follow|teilen|partager|compartir|compartilhar|condividi|delen|"
    rf"share (?:this|it|on|via|with)|tweet this|on|via|this|article|story|post|page|with|friends|click to|by|and|to|a|us|"
    rf"opens in new window|{_NETWORK}|\d+(?:\.\d+)?[km]?|shares?|likes?|views?|comments?)[\s,|·•/:;()+&.–-]*)+",
    _I,
)
_PROMOTION = re.compile(
    r"""
    (?:advertisement|advertising|sponsored(?:\ content)?|anzeige|werbung|publicité|publicidad|publicidade|pubblicità|advertentie)
  | (?:story|article)\ continues\ (?:below|after)(?:\ (?:this\ )?(?:advertisement|ad))?\.? | continue\ reading(?:\ .{0,60})?
  | (?:read|see|watch|listen)(?:\ (?:more|also|next|now|it|too))?\s*[:|»>].{0,200} | (?:also|must)[\ -]read\b\s*:?.{0,200}
  | (?:more|related)(?:\ (?:stories|articles|news|coverage|posts|content|links|topics|reading|on\ this(?:\ story)?))?\s*:?(?:\ *)
  | (?:related|recommended|more|suggested|popular|trending|latest)\ (?:stories|articles|news|posts|reads|videos?)\s*:?
  | (?:recommended|trending|most\ (?:read|popular)|you\ (?:may|might)\ (?:also\ )?(?:like|be\ interested\ in)|up\ next)\b.{0,30}
  | (?:please\ )?(?:sign\ up|subscribe|register)\b.{0,40}\b(?:newsletters?|e-?mails?|updates|alerts|channel|inbox|podcast)\b.{0,140}
  | (?:get|receive|want)\b.{0,80}\b(?:in|to)\ your\ inbox\b.{0,120} | (?:join|subscribe\ to)\ our\b.{0,160}
  | (?:follow|like|find|join)\ (?:us|me|our\ page)\ on\b.{0,160} | (?:click|tap)\ here\ (?:to|for)\b.{0,160}
  | download\ (?:the|our)\b.{0,60}\bapp\b.{0,80} | get\ our\b.{0,60}\bapp\b.{0,80}
  | (?:lesen\ sie\ auch|mehr\ zum\ thema|lire\ aussi|à\ lire\ aussi|lea\ también|lee\ también|leia\ (?:também|mais)|leggi\ anche|lees\ ook)\b.{0,200}
  | (?:image|photo|picture)\ (?:credit|source|caption|copyright)s?\b\s*:?.{0,100} | (?:getty\ images|\(?file\ photo\)?)
  | (?:©|\(c\)|copyright)\s?.{0,160}\ball\ rights\ reserved.{0,80} | all\ rights\ reserved\.?
  | (?:tags?|topics|filed\ under|categories|labels)\s*:.{0,200} | (?:back\ to\ top|skip\ to\ (?:main\ )?content|loading\.*|play\ video)
    """,
    _I | re.VERBOSE,
)
_SENTENCE_END = re.compile(r"[.!?…。！？][\"”»’')\]]*$")
_COOKIES = re.compile(
    r"\b(?:we|our (?:web)?site|this (?:web)?site|our partners)\b.{0,40}\buses?\b.{0,40}\bcookies\b|\baccept (?:all )?cookies\b"
    r"|\bcookies? (?:policy|settings|preferences)\b|\bverwende[nt]\b.{0,30}\bcookies\b|\butilis\w+\b.{0,30}\bcookies\b"
    r"|\butiliza\w*\b.{0,30}\bcookies\b",
    _I,
)
_BYLINE = re.compile(
    r"(?:by|von|por|par|di|door)\s+[^.!?]{3,80}|(?:(?:last\ )?(?:updated|published|posted|modified)|aktualisiert|publié|publicado)\b.{0,80}"
    r"|\d{1,2}\s+min(?:ute)?s?\s+read|\d+\s+(?:min(?:ute)?s?|hours?|days?)\s+ago",
    _I,
)


def tidy(lines: Iterable[str], titles: Sequence[str], *, authors: Sequence[str] = ()) -> list[str]:
    """Give the paragraphs that are the article's own.

    `titles` are all forms of the title: a line that is one of them goes wherever it stands, since no sentence of the
    article is its title. Repeated paragraphs go as well: pages show teasers and pull quotes twice.
    """
    known = {folded for title in titles if len(folded := fold(title)) >= 8}
    people = {folded for author in authors if (folded := fold(author))}
    paragraphs = _without_form([squeeze(line) for line in lines])
    kept: list[str] = []
    seen: set[str] = set()
    for number, line in enumerate(paragraphs):
        key = fold(line)
        if not key or _is_title(line, key, known) or is_furniture(line):
            continue
        if number < HEAD_LINES and (key in people or key.removeprefix("by") in people or _BYLINE.fullmatch(line)):
            continue
        if len(line) < 600 and _COOKIES.search(line) and not any("cookie" in title for title in known):
            continue
        if len(key) >= 60 and not line.startswith("- ") and _SENTENCE_END.search(line):
            if key in seen:
                continue
            seen.add(key)
        kept.append(line)
    return kept


def is_furniture(line: str) -> bool:
    """Whether a line belongs to a form, a share bar or a promotion rather than to any text."""
    bare = line.strip(" -–—*|•·#>»")
    return len(bare) <= 300 and any(pattern.fullmatch(bare) for pattern in (_FORM, _SHARE, _PROMOTION))


def _is_title(line: str, key: str, known: set[str]) -> bool:
    if key in known:
        return True
    for title in known:
        # "Home » News » The title", "The title | The Outlet", "You are here: The title"
        if len(title) >= 20 and title in key and len(key) - len(title) <= 60:
            if (key.endswith(title) or key.startswith(title)) and (
                re.search(r"[|»›>/]", line) or len(key) - len(title) <= 25
            ):
                return True
    return False


def _without_form(lines: list[str]) -> list[str]:
    total = sum(map(len, lines))
    for number, line in enumerate(lines):
        if number and _FORM_HEADING.fullmatch(line.strip(" -–—*|•·#")):
            rest = sum(map(len, lines[number:]))
            if rest <= TAIL_SHARE * total:
                return lines[:number]
    return lines
