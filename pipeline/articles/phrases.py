"""Wording that gives away what is not an article: forms, bars, promotion, walls. Collected from what publishers'
templates say, in the languages where they are most common; all are matched without regard to case."""

from __future__ import annotations

import re


def _any(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


# Lines, each to be matched whole.

# The standard wording of comment forms in WordPress and its kin.
COMMENT_FORM = _any(
    r"(?:leave|post|add|write) (?:a|your) (?:reply|comment|response)\b.{0,60}",
    r"(?:cancel|click here to cancel) reply\.?",
    r"your e-?mail (?:address )?(?:will not|won't) be (?:published|made public|shown|displayed).{0,120}",
    r".{0,80}required fields are marked.{0,40}", r".{0,40}fields marked with an? asterisk.{0,60}",
    r"(?:name|e-?mail|website|url|comment|your (?:name|e-?mail|comment|message))(?:"
    r" address)?\s*\(?(?:\*|required|:)*\)?\s*\*?", r"(?:save|remember) my (?:name|details|info).{0,120}",
    r"you must be logged in to (?:post|leave) a (?:comment|reply).{0,20}",
    r"log ?in to (?:leave a )?(?:comment|reply)", r"notify me (?:of|about|when|by|via).{0,80}",
    r"this site uses akismet.{0,120}", r"learn how your comment data.{0,40}",
    r"(?:post|submit|send|publish) (?:your )?(?:comment|reply)",
    r"(?:there are )?(?:no|\d+) (?:comments?|responses?|replies)(?: yet)?(?: (?:on|to) .{0,200})?",
    r"comments? (?:are )?closed\.?", r"be the first to comment.{0,40}", r"comments?(?: \(\d+\))?",
    r"schreibe?n? (?:sie )?einen kommentar.{0,40}", r"kommentar (?:schreiben|hinterlassen|abschicken).{0,20}",
    r"antworten abbrechen", r".{0,10}e-mail-adresse wird nicht veröffentlicht.{0,100}",
    r"erforderliche felder sind.{0,60}", r"laisser un commentaire.{0,60}", r"annuler la réponse",
    r"votre adresse e-?mail ne sera pas publiée.{0,120}", r"les champs obligatoires.{0,60}",
    r"deja (?:una respuesta|un comentario).{0,60}", r"cancelar (?:la )?respuesta",
    r"(?:tu|su) dirección de correo electrónico no será publicada.{0,120}",
    r"los campos (?:obligatorios|necesarios|requeridos).{0,60}", r"deixe (?:um comentário|uma resposta).{0,60}",
    r"o seu endereço de e-?mail não será publicado.{0,120}", r"campos obrigatórios.{0,60}",
    r"lascia un commento.{0,40}", r"annulla risposta", r"il tuo indirizzo e-?mail non sarà pubblicato.{0,120}",
    r"i campi obbligatori.{0,60}", r"geef een reactie.{0,40}",
    r"(?:het|je) e-mailadres wordt niet gepubliceerd.{0,120}", r"vereiste velden zijn.{0,60}",
)  # fmt: skip
COMMENT_FORM_HEADING = _any(
    r"(?:leave|post|add|write) (?:a|your) (?:reply|comment|response)\b.{0,60}",
    r"schreibe?n? (?:sie )?einen kommentar.{0,40}", r"kommentar (?:schreiben|hinterlassen).{0,20}",
    r"laisser un commentaire.{0,60}", r"deja (?:una respuesta|un comentario).{0,60}",
    r"deixe (?:um comentário|uma resposta).{0,60}", r"lascia un commento.{0,40}", r"geef een reactie.{0,40}",
)  # fmt: skip
PROMOTION = _any(
    r"(?:advertisement|advertising|sponsored(?:"
    r" content)?|anzeige|werbung|publicité|publicidad|publicidade|pubblicità|advertentie)",
    r"(?:story|article) continues (?:below|after)(?: (?:this )?(?:advertisement|ad))?\.?",
    r"continue reading(?: .{0,60})?",
    r"(?:read|see|watch|listen)(?: (?:more|also|next|now|it|too))?\s*[:|»>].{0,200}",
    r"(?:also|must)[ -]read\b\s*:?.{0,200}",
    r"(?:more|related)(?: (?:stories|articles|news|coverage|posts|content|links|topics|reading|on this(?:"
    r" story)?))?\s*:?(?: *)",
    r"(?:related|recommended|more|suggested|popular|trending|latest)"
    r" (?:stories|articles|news|posts|reads|videos?)\s*:?",
    r"(?:recommended|trending|most (?:read|popular)|you (?:may|might) (?:also )?(?:like|be interested"
    r" in)|up next)\b.{0,30}",
    r"(?:please )?(?:sign"
    r" up|subscribe|register)\b.{0,40}\b(?:newsletters?|e-?mails?|updates|alerts|channel|inbox|podcast)\b.{0,140}",
    r"(?:get|receive|want)\b.{0,80}\b(?:in|to) your inbox\b.{0,120}", r"subscribe to our\b.{0,160}",
    r"join our (?:newsletter|channel|community|whats ?app|telegram|facebook|mailing list)\b.{0,160}",
    r"(?:follow|like|find|join) (?:us|me|our page) on\b.{0,160}", r"(?:click|tap) here (?:to|for)\b.{0,160}",
    r"download (?:the|our)\b.{0,60}\bapp\b.{0,80}", r"get our\b.{0,60}\bapp\b.{0,80}",
    r"(?:lesen sie auch|mehr zum thema|lire aussi|à lire aussi|lea también|lee también|leia"
    r" (?:também|mais)|leggi anche|lees ook)\b.{0,200}",
    r"(?:image|photo|picture) (?:credit|source|caption|copyright)s?\b\s*:?.{0,100}",
    r"(?:getty images|\(?file photo\)?)", r"(?:©|\(c\)|copyright)\s?.{0,160}\ball rights reserved.{0,80}",
    r"all rights reserved\.?", r"(?:tags?|topics|filed under|categories|labels)\s*:.{0,200}",
    r"(?:back to top|skip to (?:main )?content|loading\.*|play video)",
    r"\(?(?:related|more|also|next|trending)(?: (?:stories|articles|news|coverage|reading|video|link))?\s*:"
    r".{0,160}[^.]\)?",
    r"also on [\w.-]+\.[a-z]{2,}\b.{0,200}", r"don['’]?t miss(?: it| out| this)?",
    r"(?:more|must[- ]reads?|more must[- ]reads?|latest) from .{2,40}[^.]",
    r"(?:people are also reading|what to read next|in this (?:article|story)|on this page|table of contents)",
    r"(?:install|download|get|try)\b.{0,40}\bapp\b.{0,60}", r"be the first to (?:get|know|hear|read|receive)\b.{0,100}",
    r"(?:like|love|enjoy(?:ed|ing)?)\b.{0,20}\b(?:story|article|this|reading)\?.{0,120}",
    r"(?:tell us what you think|have your say|join the (?:conversation|discussion))\b.{0,60}",
    r"(?:order reprints|an error (?:has )?occurred, please.{0,40}|this article has been sent to.{0,40}|thank you)",
    r"thank you for (?:subscribing|signing up|registering)\b.{0,160}", r"(?:submitted|file|courtesy|handout) photo",
    r"(?:folgen sie uns|suivez-nous|síguenos|siga-nos|seguici|volg ons) (?:auf|sur|en|no|na|su|op)\b.{0,160}",
)  # fmt: skip
_NETWORKS = r"(?:twitter|x|facebook|instagram|threads|linkedin|youtube|tiktok|bluesky|mastodon|whatsapp|telegram)"
_AGENCIES = (
    r"(?:AP|AFP|REUTERS|Reuters|EPA|dpa|DPA|ANSA|EFE|PA|TASS|Getty(?: Images)?|GETTY(?: IMAGES)?|Shutterstock|iStock"
    r"|Alamy|Unsplash|IMAGO|imago)"
)
# What an outlet says of itself, its writers and its pictures; up to two sentences before it go with it.
NOTE = _any(
    r"(?:.{0,200}[.!?:]\s+)?(?:please )?(?:sign up|subscribe|register)\b.{0,120}"
    r"\b(?:newsletters?|inbox|daily e-?mail|e-?mail alerts?)\b.{0,160}",
    r".{0,200}\b(?:subscribing|signing up)\b.{0,60}\b(?:you agree|your consent|you consent)\b.{0,250}",
    r"(?:.{0,200}[.!?]\s+)?follow\b.{0,80}\bon " + _NETWORKS + r"\b.{0,150}",
    r"(?:e-?mail|contact|reach|write to)\b[^.!?]{0,80}\S@\S.{0,160}", r".{0,200}\be-?mail:? \S+@\S+.{0,80}",
    r".{0,120}\b(?:can|may) be reached (?:at|on|by|via)\b.{0,200}",
    r".{0,200}\bmay (?:earn|receive|get) (?:an? )?(?:small )?(?:affiliate )?commissions?\b.{0,200}",
    r".{0,160}\bcontributed (?:to (?:this|the)|reporting to this) (?:report|story|article)\W{0,3}",
    r"this copy is for your personal, non-commercial use only\b.{0,350}",
    r"this (?:story|article|post) (?:was|has been) (?:originally |first |last )?(?:published|updated|posted)\b.{0,80}",
    r"the (?:opinions?|views?) expressed (?:here|in|are|by)\b.{0,250}",
    r".{0,250}[/(|©]\s*(?-i:" + _AGENCIES + r")\b(?:[^.]{0,25}|.{0,30}\))",
    r"[^.:]{0,30}\b(?:image|photo|gallery|picture|illustration|foto|imagen|bild)s?"
    r"(?: (?:credit|courtesy|by|via|source))?\s*:.{0,150}",
    r"(?:melden sie sich|abonnieren sie|jetzt)\b.{0,80}\bnewsletter\b.{0,160}",
    r"(?:inscrivez-vous|abonnez-vous|recevez)\b.{0,80}\b(?:newsletters?|lettre d['’]information)\b.{0,160}",
    r"(?:suscríb\w+|regístr\w+|recib[ae])\b.{0,80}\b(?:newsletters?|bolet[ií]n\w*)\b.{0,160}",
    r"(?:assine|inscreva-se|cadastre-se|receba)\b.{0,80}\b(?:newsletters?|boletim)\b.{0,160}",
    r"(?:iscriviti|abbonati)\b.{0,80}\bnewsletter\b.{0,160}",
    r"(?:meld je aan|schrijf je in|ontvang)\b.{0,80}\bnieuwsbrief\b.{0,160}",
)  # fmt: skip
# No line is a note without one of these; looked for first, since a note may begin with anything.
NOTE_HINTS = (
    "newsletter", "inbox", "subscri", "signing up", "follow", "@", "reached", "commission", "contributed", "this copy",
    "this story", "this article", "this post", "expressed", "image", "photo", "gallery", "picture", "illustration",
    "foto", "bild", "(", "/", "|", "©", "mail", "lettre d", "bolet", "nieuwsbrief",
)  # fmt: skip
TAG_HEADING = _any(r"tags?|topics|schlagw(?:ö|oe)rter|themen|mots[- ]cl[ée]s|etiquetas|palavras[- ]chave|argomenti")
BYLINE = _any(
    r"(?:.{0,12}-\s*)?(?:publicado por|posted by|posted in|filed under|categor(?:y|ia|ies|ía|ías|ias))\s*:?\s.{1,160}",
    r"(?:by|von|por|par|di|door)\s+[^.!?]{3,80}",
    r"(?:(?:last )?(?:updated|published|posted|modified)|aktualisiert|publié|publicado)\b.{0,80}",
    r"\d{1,2}\s+min(?:ute)?s?\s+read", r"\d+\s+(?:min(?:ute)?s?|hours?|days?)\s+ago",
)  # fmt: skip

# Sentences anywhere in a text.

COOKIES = _any(
    r"\b(?:we|our (?:web)?site|this (?:web)?site|our partners)\b.{0,40}\buses?\b.{0,40}\bcookies\b",
    r"\baccept (?:all )?cookies\b", r"\bcookies? (?:policy|settings|preferences)\b",
    r"\bverwende[nt]\b.{0,30}\bcookies\b", r"\butilis\w+\b.{0,30}\bcookies\b", r"\butiliza\w*\b.{0,30}\bcookies\b",
)  # fmt: skip
CHALLENGE_TEXT = _any(
    r"checking (?:if the site connection is secure|your browser before accessing)",
    r"enable javascript and cookies to continue",
    r"verify(?:ing)? (?:that )?you(?:'re| are) (?:not a (?:ro)?bot|(?:a )?human)",
    r"unusual (?:traffic|activity) from your", r"please (?:complete|solve) the captcha", r"cloudflare ray id",
    r"you have been blocked", r"why have i been blocked", r"incident id\b",
)  # fmt: skip
ERROR_TEXT = _any(
    r"(?:page|article|story|content)\b.{0,40}\b(?:could not be|cannot be|can't be|was not|no longer|does"
    r" not|doesn't|isn't) (?:found|available|exists?|existing)",
    r"(?:may|might) have (?:been )?(?:moved|removed|deleted|expired)", r"404 (?:error|not found)",
    r"the requested url", r"this domain (?:is|may be) for sale", r"buy this domain",
    r"nicht (?:mehr )?(?:gefunden|verfügbar)", r"n'existe (?:pas|plus)", r"ya no (?:existe|está disponible)",
)  # fmt: skip
LOGIN = _any(
    r"\b(?:log ?in|sign ?in|log on) (?:to|with|using) (?:your|an?|continue|access|view|read)\b",
    r"\b(?:forgot|reset) (?:your )?password\b", r"\bplease (?:log|sign) ?in\b", r"\bremember me\b",
    r"\bcreate an account\b", r"\bdon't have an account\b", r"\benter your (?:e-?mail|password|username)\b",
    r"\bpasswort vergessen\b", r"\bmot de passe oublié\b", r"\bolvid\w+ (?:tu|su) contraseña\b",
    r"\besqueceu (?:a )?sua senha\b",
)  # fmt: skip
CONSENT = _any(
    r"\b(?:we|our partners|we and our (?:\d+ )?partners|this (?:web)?site)\b.{0,60}\b(?:cookies|store"
    r" (?:and|or|and/or) access information)\b", r"\baccept (?:all|cookies)\b", r"\breject all\b",
    r"\bmanage (?:options|preferences|settings|choices)\b", r"\bwithdraw (?:your )?consent\b",
    r"\b(?:your|with your) (?:privacy )?(?:consent|choices)\b", r"\blegitimate interest\b",
    r"\bprecise geolocation data\b", r"\bprivacy (?:policy|settings|center)\b", r"\bdatenschutzerklärung\b",
    r"\balle akzeptieren\b", r"\btout accepter\b", r"\baceptar todas?\b", r"\bwerbefrei\b", r"\bpur-abo\b",
)  # fmt: skip
PAYWALL = _any(
    r"\bsubscribe (?:now )?(?:to|for) (?:continue|keep|read|access|unlock|full|unlimited|this)\b",
    r"\balready (?:a|an) (?:subscriber|member)\b",
    r"\b(?:this|the full) (?:article|story|content|page) is (?:only )?(?:available )?(?:exclusively"
    r" )?(?:for|to|reserved for)\b.{0,30}\b(?:subscribers|members)\b",
    r"\b(?:subscribers?|members?|premium)[- ]only\b", r"\bto (?:continue|keep) reading\b",
    r"\bcontinue reading with\b", r"\bunlock (?:this|the full) (?:article|story)\b",
    r"\bstart (?:your )?(?:free )?trial\b", r"\bread the (?:full|whole) (?:article|story) (?:with|by subscribing)\b",
    r"\bfree articles? (?:left|remaining|this month)\b", r"\breached your (?:limit|article limit)\b",
    r"\bjetzt (?:weiterlesen|abonnieren)\b", r"\bbereits abonnent\b", r"\bexklusiv für abonnenten\b",
    r"\bréservé (?:à nos|aux) abonnés\b", r"\bdéjà abonné\b", r"\bpara suscriptores\b",
    r"\bya (?:eres|es) suscriptor\b", r"\bexclusivo para assinantes\b", r"\bper gli abbonati\b",
)  # fmt: skip

# Titles.

CHALLENGE_TITLE = _any(
    r"just a moment", r"attention required", r"checking your browser",
    r"verify(?:ing)? (?:that )?you are (?:a )?human", r"are you a (?:robot|human)",
    r"access (?:to this page has been )?denied", r"request blocked", r"security check", r"ddos.guard",
    r"pardon our interruption", r"captcha", r"human verification", r"bot (?:detection|check)",
)  # fmt: skip
ERROR_TITLE = _any(
    r"(?:error\s*)?(?:40[0-9]|410|429|50[0-9])(?:\s*[-–—:|!.].{0,60}|\s+(?:error|not found|page|bad|forbidden|gone"
    r"|too many|internal|service|gateway|server)\b.{0,60})?",
    r".{0,40}\b(?:page|article|story|content|file|document) (?:not|could not be|cannot be|can't be)"
    r" (?:found|available|accessible).{0,40}", r"not found.{0,30}",
    r".{0,30}\bpage (?:is )?(?:unavailable|missing|doesn'?t exist|does not exist).{0,30}",
    r"(?:bad gateway|service (?:temporarily )?unavailable|internal server error|forbidden|gateway"
    r" time-?out|server error).{0,40}", r"(?:seite|artikel) (?:wurde )?nicht gefunden.{0,40}",
    r"page (?:non trouvée|introuvable).{0,40}", r"página no encontrada.{0,40}", r"página não encontrada.{0,40}",
    r"pagina non trovata.{0,40}", r"pagina niet gevonden.{0,40}", r"(?:site |under )maintenance.{0,30}",
    r"oops.{0,60}",
)  # fmt: skip
LOGIN_TITLE = _any(
    r"(?:log ?in|sign ?in|log on|anmelden|anmeldung|connexion|iniciar sesión|register|sign up)\b.{0,40}",
)  # fmt: skip
SCORES_TITLE = _any(
    r"\b(?:live (?:scores?|results?|ticker)|score ?cards?|score ?boards?|box scores?|standings|fixtures"
    r"|line-?ups|head[- ]to[- ]head|h2h|live[- ]?ergebnis\w*|spielstand|tabelle|aufstellung\w*|résultats? en direct"
    r"|classement|resultados? en vivo|alineaci\w+|clasificación|placar|tempo real|risultat\w+ in diretta|livescore)\b",
)
