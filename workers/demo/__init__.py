"""The demo wire: a small made-up world of outlets, served on loopback, for `slugline up --demo`.

`world` reads it from the seed files, `clock` says what is out at which moment, `feeds` and `pages` write what an
outlet publishes, `site` answers requests, `serve` is the process.
"""
