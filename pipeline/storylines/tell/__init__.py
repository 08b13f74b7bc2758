"""How a storyline is told: by a headline, and to an analyst by sentences, names, days, episodes and relatives.

Pure functions over articles. `headline` is asked with each article that is filed; `digest` when somebody looks.
"""

from pipeline.storylines.tell.digesting import beside, digest, itself, to_read
from pipeline.storylines.tell.episodes import sample
from pipeline.storylines.tell.headlines import headline
from pipeline.storylines.tell.names import backdrop_of
from pipeline.storylines.tell.records import Digest, Neighbour
from pipeline.storylines.titles import strip_outlet

__all__ = [
    "Digest",
    "Neighbour",
    "backdrop_of",
    "beside",
    "digest",
    "headline",
    "itself",
    "sample",
    "strip_outlet",
    "to_read",
]
