"""Rules on what a connector says about itself."""

from importlib.metadata import entry_points
from urllib.parse import urlsplit

from hub.connector.base import Authorizes
from hub.testing.rules import AUTHORIZES, CALLS, POLLS, SETTINGS, Rules, require, rule

CONTRACTS = frozenset({1})
SHORTEST_README = 200


class ManifestRules(Rules):
    """Manifest, README and entry point."""

    @rule()
    def test_key_is_the_folder(self) -> None:
        """The manifest's key equals the name of the plugin's folder."""
        key = self.connector.manifest.key
        require(key == self.folder.name, f"the key is {key!r}, the folder {self.folder.name!r}; rename one of them")

    @rule()
    def test_key_is_the_entry_point(self) -> None:
        """The package is named once under the entry-point group hub.connectors, and the name is the key."""
        ours = [each.name for each in entry_points(group="hub.connectors") if each.module == self.package]
        key = self.connector.manifest.key
        require(
            ours == [key],
            f"entry points of {self.package} under hub.connectors: {ours}; expected exactly [{key!r}]. "
            "Add it to pyproject.toml and install the distribution",
        )

    @rule()
    def test_contract_version_is_known(self) -> None:
        """The connector is written for a version of the contract that this hub knows."""
        found = self.connector.manifest.contract
        require(found in CONTRACTS, f"contract {found}; known: {sorted(CONTRACTS)}")

    @rule()
    def test_readme_says_how_to_connect(self) -> None:
        """The plugin's folder holds a README.md with a title and what an admin has to do at the source."""
        readme = self.folder / "README.md"
        require(readme.is_file(), f"{readme} is missing")
        text = readme.read_text(encoding="utf-8").strip()
        require(text.startswith("# "), f"{readme} has no title")
        require(len(text) >= SHORTEST_README, f"{readme} says too little ({len(text)} characters)")

    @rule(AUTHORIZES)
    def test_every_scope_is_explained(self) -> None:
        """Every OAuth scope that is asked for is explained in words in the access review."""
        explained = {
            scope for item in self.connector.manifest.access_review for scope in item.scopes if item.label.strip()
        }
        asked = self.connector.oauth.scopes if isinstance(self.connector, Authorizes) else ()
        missing = [scope for scope in asked if scope not in explained]
        require(not missing, f"no line of the access review explains {', '.join(missing)}")

    @rule(CALLS)
    def test_hosts_are_origins(self) -> None:
        """Hosts are bare https origins, and the simulator stands in for each of them."""
        for host in self.connector.manifest.hosts:
            parts = urlsplit(host)
            require(
                parts.scheme == "https" and bool(parts.netloc) and host == f"https://{parts.netloc.lower()}",
                f"{host!r} must look like 'https://api.example.com': no path, no slash at the end",
            )
        unknown = set(self.connector.manifest.hosts) - set(self.simulator.origins)
        require(not unknown, f"no simulated origin for {', '.join(sorted(unknown))}")

    @rule(SETTINGS)
    def test_settings_fit_the_model(self) -> None:
        """The simulator's settings are of the model that the manifest names, and every field has a title or
        description for the connect page."""
        model = self.connector.manifest.settings
        found = self.simulator().settings()
        require(model is not None and isinstance(found, model), f"settings are a {type(found).__name__}, not {model}")
        if model is not None:
            bare = [name for name, each in model.model_fields.items() if not (each.title or each.description)]
            require(not bare, f"fields without title or description: {', '.join(bare)}")

    @rule(POLLS)
    def test_polling_defaults_are_usable(self) -> None:
        """Polling defaults work as they are: an interval of at least a second, an overlap of more than nothing."""
        manifest = self.connector.manifest
        require(manifest.poll_every.total_seconds() >= 1, f"poll_every is {manifest.poll_every}")
        require(manifest.overlap.total_seconds() > 0, f"overlap is {manifest.overlap}: late arrivals would be lost")
