"""Settings: environment variables ``LEADHUB_*``, or a TOML file named by ``LEADHUB_CONFIG``; the environment wins."""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import sqlalchemy as sa
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

PREFIX = "LEADHUB_"
KEY_BYTES = 32
TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{24,128}")
"""As a bearer token may be written (RFC 6750, section 2.1), and too long to be guessed."""
CONNECTOR_KEY = re.compile(r"[a-z][a-z0-9_]{1,39}")
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class SettingsError(Exception):
    """One or more settings are missing or wrong; the text names each with what to do."""


class Settings(BaseSettings):
    """Everything a deployment may choose. Each name is an environment variable with ``LEADHUB_`` in front."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", validate_default=True)

    data_dir: Path = Path("data")
    """Where the embedded database, its job queue and lock files live."""
    database_url: str = ""
    """``sqlite:////absolute/path.db`` or ``postgresql://user:password@host/name``; empty: a file in ``data_dir``."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    public_url: str = ""
    """How the world reaches this server, such as ``https://leads.example.com``; empty: its own host and port."""
    master_keys: SecretStr = SecretStr("")
    """``id:base64`` pairs separated by commas, newest first; each key is 32 random bytes."""
    master_key_file: Path | None = None
    """A file with such pairs, one per line. Without either a key file is made in ``data_dir`` (embedded use)."""
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    """Networks whose ``X-Forwarded-*`` headers are believed, separated by commas."""
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    allow_loopback: bool = False
    """Let connectors call addresses of this machine: for simulators only, never in production."""
    origin_overrides: Mapping[str, str] = Field(default_factory=dict)
    """Real platform origins and what stands in for them (JSON object); needs ``allow_loopback``."""
    insecure_cookies: bool = False
    """Sign-in over plain http, for loopback only."""
    form_rate_per_address: Annotated[int, Field(ge=1)] = 300
    """Posts to public forms a minute from one address (IPv6: one /64)."""
    form_rate_per_form: Annotated[int, Field(ge=1)] = 3_000
    """Posts a minute to one form."""
    form_rate_per_organisation: Annotated[int, Field(ge=1)] = 10_000
    """Posts a minute to all forms of one organisation."""
    form_rate_total: Annotated[int, Field(ge=1)] = 60_000
    """Posts a minute to this process."""
    form_proof_bits: Annotated[int, Field(ge=0, le=24)] = 14
    """How hard the proof of work of the form script is; each bit doubles it."""
    pending_alert_minutes: Annotated[int, Field(ge=1, le=1_440)] = 15
    """How long a receipt may be pending before the hub raises an alert."""
    metrics_token: SecretStr = SecretStr("")
    """What a reader of ``/metrics`` sends as its bearer token; empty: there is no such address."""
    connector_isolation: Literal["third_party", "all"] = "third_party"
    """Which connectors run in a process of their own from the start; the hub's own otherwise when they broke a
    budget."""
    connector_trusted: Annotated[tuple[str, ...], NoDecode] = ()
    """Keys of connectors that start in the hub's process whatever the line above says, separated by commas: a little
    faster, but then their faults may be the hub's."""
    connector_computing_seconds: Annotated[float, Field(ge=0.5, le=60)] = 5.0
    """How long a connector may compute without a pause."""
    connector_waiting_seconds: Annotated[float, Field(ge=5, le=3_600)] = 120.0
    """How long a call of a connector may be without an answer of its platform."""
    connector_memory_mib: Annotated[int, Field(ge=32, le=65_536)] = 256
    """What a connector's own process may take beyond its start, in MiB."""
    process_name: str = ""
    """A stable name for this process; empty: made of host, role and a free slot."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the TOML file."""
        config = os.environ.get(f"{PREFIX}CONFIG")
        file = (TomlConfigSettingsSource(settings_cls, Path(config)),) if config else ()
        return (init_settings, env_settings, *file)

    @field_validator("trusted_proxies", "connector_trusted", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("connector_trusted")
    @classmethod
    def _are_keys(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for key in value:
            if not CONNECTOR_KEY.fullmatch(key):
                raise ValueError(f"{key!r} is not a connector's key such as acme_calls; see: leadhub connectors list")
        return value

    @field_validator("public_url")
    @classmethod
    def _is_public_url(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query:
            raise ValueError("must be scheme and host only, such as https://leads.example.com")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ValueError("must begin with https:// (plain http is for this machine only)")
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _is_database_url(cls, value: str) -> str:
        if not value:
            return value
        try:
            url = sa.make_url(value)
        except sa.exc.ArgumentError:
            raise ValueError("is not a database address; use sqlite:////path or postgresql://user@host/name") from None
        if url.get_backend_name() == "sqlite":
            if not url.database or url.database == ":memory:":
                raise ValueError("must name a file: a database in memory would lose every lead")
            return value
        if url.get_backend_name() != "postgresql":
            raise ValueError(f"{url.get_backend_name()} is not supported; use sqlite or postgresql")
        return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)

    @field_validator("metrics_token")
    @classmethod
    def _is_no_guess(cls, value: SecretStr) -> SecretStr:
        token = value.get_secret_value()
        if token and not TOKEN.fullmatch(token):
            raise ValueError("must be 24 to 128 letters, digits or ._~+/=-; make one with: openssl rand -hex 24")
        return value

    @field_validator("origin_overrides")
    @classmethod
    def _are_origins(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for origin in (*value, *value.values()):
            parts = urlsplit(origin)
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.path:
                raise ValueError(f"{origin!r} is not an origin such as https://graph.example.com")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> "Settings":
        if self.origin_overrides and not self.allow_loopback:
            raise ValueError("origin_overrides only work with allow_loopback=true (simulators); remove one or set both")
        if self.insecure_cookies and self.public_url.startswith("https://"):
            raise ValueError("insecure_cookies is for plain http on this machine; remove it for an https public_url")
        return self

    @property
    def sync_database_url(self) -> str:
        """The database address, default applied."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'leadhub.db').absolute()}"

    def keys(self) -> dict[str, bytes]:
        """The master keys by id, newest first. Raises ``SettingsError`` for one that cannot be used."""
        text = self.master_keys.get_secret_value()
        if not text and self.master_key_file is not None:
            text = _read_key_file(self.master_key_file)
        if not text:
            text = _own_key_file(self.data_dir / "master.key")
        return dict(_parse_key(pair) for pair in text.replace("\n", ",").split(",") if pair.strip())


def load_settings(**values: object) -> Settings:
    """Settings from arguments, environment and file; ``SettingsError`` lists everything wrong at once."""
    _refuse_unknown_variables()
    config = os.environ.get(f"{PREFIX}CONFIG")
    if config and not Path(config).is_file():
        raise SettingsError(f"{PREFIX}CONFIG: there is no file {config!r}; correct the path or remove the variable")
    try:
        return Settings(**values)  # type: ignore[arg-type]  # the model checks them
    except ValidationError as error:
        lines = [_explain(each["loc"], str(each["msg"])) for each in error.errors(include_url=False)]
        raise SettingsError("These settings cannot be used:\n" + "\n".join(f"  {line}" for line in lines)) from None
    except (OSError, ValueError) as error:
        raise SettingsError(f"The file named by {PREFIX}CONFIG cannot be read: {error}") from None


def _explain(location: tuple[int | str, ...], message: str) -> str:
    if message == "Extra inputs are not permitted":
        return f"{location[0]}: there is no such setting (in the file named by {PREFIX}CONFIG); remove it"
    name = f"{PREFIX}{str(location[0]).upper()}" if location else "together"
    return f"{name}: {message.removeprefix('Value error, ')}"


def _refuse_unknown_variables() -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | {f"{PREFIX}CONFIG"}
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise SettingsError(
            f"Unknown settings in the environment: {', '.join(unknown)}. Known are: {', '.join(sorted(known))}."
        )


def _parse_key(pair: str) -> tuple[str, bytes]:
    key_id, _, encoded = pair.strip().partition(":")
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key_id or len(key) != KEY_BYTES:
        raise SettingsError(
            f"{PREFIX}MASTER_KEYS: the key {key_id or '(without id)'!r} is not 'id:base64 of {KEY_BYTES} bytes'. "
            "Make one with: leadhub check --new-key"
        )
    return key_id, key


def _read_key_file(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{PREFIX}MASTER_KEY_FILE: {path} cannot be read: {error}") from None


def new_key(key_id: str) -> str:
    """A fresh master key as ``id:base64``."""
    return f"{key_id}:{base64.b64encode(os.urandom(KEY_BYTES)).decode()}"


def _own_key_file(path: Path) -> str:
    """The key file of an embedded set-up: made once, readable by its owner only."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(new_key("k1") + "\n")
    return _read_key_file(path)
