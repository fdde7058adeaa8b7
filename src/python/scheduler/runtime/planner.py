"""Carries out ``domain.planning``: turns due slots, requests and retries into rows.

The cursor of each definition moves in the same statement that inserts the rows of the move, so
that a slot is covered once, whoever plans and however often.
"""


import structlog

log = structlog.get_logger(__name__)
