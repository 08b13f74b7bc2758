"""The web service: pages for people (`pages`), an API for programs (`api`), and what guards both (`guard`)."""
