"""The names of a new connector, all made from its key."""

import keyword
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec

KEY = re.compile(r"[a-z][a-z0-9_]{1,39}")


class UnusableNameError(ValueError):
    """A connector cannot be called so; the text says why and what to do."""


@dataclass(frozen=True)
class Names:
    """Key, and what follows from it. The key is folder, module and entry point at once."""

    key: str

    @classmethod
    def of(cls, key: str) -> "Names":
        """The names for a key. Raises ``UnusableNameError`` for one that no module can have, or that is taken."""
        if not KEY.fullmatch(key) or key.endswith("_") or "__" in key:
            raise UnusableNameError(
                f"{key!r} cannot be the key of a connector. Take 2 to 40 small letters, digits and single underscores, "
                "beginning with a letter: acme_calls."
            )
        if keyword.iskeyword(key) or keyword.issoftkeyword(key) or key in sys.stdlib_module_names:
            raise UnusableNameError(f"{key!r} is a word of Python. Add what kind of leads these are: {key}_leads.")
        if find_spec(key) is not None:
            raise UnusableNameError(
                f"A module {key!r} is installed already. Take another name, or work on in its own folder."
            )
        return cls(key)

    @property
    def class_name(self) -> str:
        """``AcmeCalls``."""
        return "".join(word.capitalize() for word in self.key.split("_"))

    @property
    def distribution(self) -> str:
        """``leadhub-acme-calls``, also the folder."""
        return f"leadhub-{self.key.replace('_', '-')}"

    @property
    def name(self) -> str:
        """``Acme calls``, as people read it."""
        return self.key.replace("_", " ").capitalize()

    def placeholders(self) -> Mapping[str, str]:
        """What stands in the templates. ``domain`` is one that cannot exist (RFC 2606)."""
        return {
            "key": self.key,
            "class_name": self.class_name,
            "distribution": self.distribution,
            "name": self.name,
            "domain": f"{self.key.replace('_', '-')}.example",
        }
