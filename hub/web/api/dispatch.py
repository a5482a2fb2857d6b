"""What happens around every API route, in this order: CSRF, caller, limit, permission, input, handler, answer."""

import time
from typing import Any

import structlog
from aiohttp import web
from pydantic import BaseModel, ValidationError
from structlog.contextvars import bind_contextvars

from hub.core.accounts.errors import AccountError
from hub.core.accounts.permissions import ANYONE
from hub.core.accounts.principal import Principal
from hub.core.accounts.sign_in import Visitor
from hub.web.api.authentication import Identity, authenticate
from hub.web.api.input import read_input
from hub.web.api.routing import Call, Route
from hub.web.api.streams import LAST_EVENT_ID_LENGTH, EventSource
from hub.web.cookies import write_session
from hub.web.limits import Claim
from hub.web.problems import Problem
from hub.web.proxies import TrustedProxies, UNKNOWN, network_of, peer_address
from hub.web.services import WebServices

_AGENT_LENGTH = 200
_log = structlog.get_logger(__name__)
