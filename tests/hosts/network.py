"""Hosts for processes: this machine itself, or network namespaces joined by a bridge (Linux, root)."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

BRIDGE, BRIDGE_ADDRESS, MASK = "leadhub0", "10.77.0.1", 24


@dataclass(frozen=True)
class Host:
    """Where a process runs. ``address`` is how others reach it; ``prefix`` goes before its command,
    ``cable`` is the end of its cable at the bridge."""

    name: str
    address: str
    prefix: tuple[str, ...] = ()
    cable: str = ""


LOOPBACK = Host("loopback", "127.0.0.1")


def needs() -> str | None:
    """What this machine lacks for namespaces; None if nothing."""
    if os.geteuid() != 0:
        return "Network namespaces need root: run this as root, for example with sudo."
    for tool, package in (("ip", "iproute2"), ("unshare", "util-linux"), ("hostname", "hostname")):
        if shutil.which(tool) is None:
            return f"The command {tool!r} is missing. On Debian or Ubuntu: apt-get install -y {package}"
    return None


@contextmanager
def namespaces(names: Sequence[str]) -> Iterator[list[Host]]:
    """A host per name, with an address, a host name and a loopback interface of its own; taken away afterwards.

    The bridge has the address ``BRIDGE_ADDRESS`` in this namespace. Nothing leads out of the machine.
    """
    with ExitStack() as stack:
        stack.callback(_quietly, "link", "del", BRIDGE)
        _quietly("link", "del", BRIDGE)
        _ip("link", "add", BRIDGE, "type", "bridge")
        _ip("addr", "add", f"{BRIDGE_ADDRESS}/{MASK}", "dev", BRIDGE)
        _ip("link", "set", BRIDGE, "up")
        yield [_join(stack, name, place) for place, name in enumerate(names, start=11)]


def _join(stack: ExitStack, name: str, place: int) -> Host:
    space, outside, inside = f"leadhub-{name}", f"lh{place}o", f"lh{place}i"
    address = f"10.77.0.{place}"
    # The kernel takes a namespace's cable away when it finds the time; the next run may come before that.
    for remains in (("netns", "del", space), ("link", "del", outside)):
        _quietly(*remains)
        stack.callback(_quietly, *remains)
    _ip("netns", "add", space)
    _ip("link", "add", outside, "type", "veth", "peer", "name", inside)
    _ip("link", "set", outside, "master", BRIDGE)
    _ip("link", "set", outside, "up")
    _ip("link", "set", inside, "netns", space)
    for line in (
        ("addr", "add", f"{address}/{MASK}", "dev", inside),
        ("link", "set", inside, "up"),
        ("link", "set", "lo", "up"),
    ):
        _ip("-n", space, *line)
    renamed = ("unshare", "--uts", "sh", "-c", f'hostname {name}; exec "$@"', "sh")
    return Host(name, address, ("ip", "netns", "exec", space, *renamed), outside)


def set_cable(host: Host, *, plugged: bool) -> None:
    """Pull a host's cable, or plug it in: nobody is told, packets just stop."""
    _ip("link", "set", host.cable, "up" if plugged else "down")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


def _quietly(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=False, capture_output=True)
