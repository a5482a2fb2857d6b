"""Hearing what a connector says where logs and people would hear it."""

import contextlib
import io
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def listening() -> Iterator[io.StringIO]:
    """Everything logged, at any level, and printed meanwhile."""
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with contextlib.redirect_stdout(heard), contextlib.redirect_stderr(heard):
            yield heard
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
