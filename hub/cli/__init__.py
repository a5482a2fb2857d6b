"""The command ``leadhub``."""

from hub.cli.main import main

__all__ = ["main"]
