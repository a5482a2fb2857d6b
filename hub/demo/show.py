"""The demonstration that goes on until it is stopped."""

from pathlib import Path


async def run_show(folder: Path, *, port: int, database_url: str) -> None:
    """Serve, let leads come in gently, and tell about it, until SIGINT or SIGTERM."""
