"""The groups of routes that this package brings; hand them to ``build_app``, with those of other modules."""

from hub.web.api.account import ACCOUNT
from hub.web.api.health import HEALTH
from hub.web.api.keys import KEYS
from hub.web.api.people import PEOPLE
from hub.web.api.places import PLACES

PLATFORM_GROUPS = (ACCOUNT, HEALTH, KEYS, PEOPLE, PLACES)
"""Accounts, people, keys, organisation and health."""
