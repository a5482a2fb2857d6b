"""The language CEL, without the command line that its package brings.

``import cel`` loads that as well, and with it an interactive prompt with completion and colours: 6 MiB in each
process of the hub, and nobody there to type. An empty module stands in for it.
"""

import sys
from types import ModuleType

sys.modules.setdefault("cel.cli", ModuleType("cel.cli"))

import cel  # noqa: E402 - the stand-in has to be there before

__all__ = ["cel"]
