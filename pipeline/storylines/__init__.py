"""Filing: which storyline an article belongs to, which articles are reprints, and how a storyline is told.

A stage: records in, decisions out. It knows no database, no Redis, no clock and no network.
"""
