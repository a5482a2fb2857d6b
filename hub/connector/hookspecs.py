"""The hooks of the plugin system, on one page. There is one, because only one has a user.

A connector's distribution names its module under the entry-point group ``hub.connectors``; the module marks a
function with ``hookimpl``. The hook hands over objects; their methods do the work.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from hub.connector.base import Connector

hookspec = pluggy.HookspecMarker("hub")
hookimpl = pluggy.HookimplMarker("hub")


@hookspec
def hub_connectors() -> "Iterable[Connector]":  # type: ignore[empty-body]  # a specification has no body
    """Return the connectors of this distribution, one instance each. Called once per process, at start."""
