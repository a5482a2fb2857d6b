"""Settings: each bad value has an error that names it and says what to do."""

from pathlib import Path

import pytest

from hub.settings import SettingsError, load_settings, new_key


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PORT", "90000", "LEADHUB_PORT"),
        ("PORT", "http", "LEADHUB_PORT"),
        ("DATABASE_URL", "mysql://x/y", "use sqlite or postgresql"),
        ("DATABASE_URL", "sqlite://", "would lose every lead"),
        ("DATABASE_URL", "nonsense", "is not a database address"),
        ("PUBLIC_URL", "http://leads.example.com", "https://"),
        ("PUBLIC_URL", "https://leads.example.com/path", "scheme and host only"),
        ("TRUSTED_PROXIES", "10.0.0.0/99", "LEADHUB_TRUSTED_PROXIES"),
        ("LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
        ("ORIGIN_OVERRIDES", '{"https://a.example/path": "http://127.0.0.1:1"}', "is not an origin"),
        ("ORIGIN_OVERRIDES", '{"https://a.example": "http://127.0.0.1:1"}', "allow_loopback"),
        ("METRICS_TOKEN", "short", "openssl rand -hex 24"),
        ("METRICS_TOKEN", "a" * 24 + " ", "LEADHUB_METRICS_TOKEN"),
        ("PENDING_ALERT_MINUTES", "0", "LEADHUB_PENDING_ALERT_MINUTES"),
        ("CONNECTOR_ISOLATION", "none", "'third_party' or 'all'"),
        ("CONNECTOR_TRUSTED", "acme_calls, Acme Calls", "leadhub connectors list"),
        ("CONNECTOR_COMPUTING_SECONDS", "0", "LEADHUB_CONNECTOR_COMPUTING_SECONDS"),
        ("CONNECTOR_WAITING_SECONDS", "1", "LEADHUB_CONNECTOR_WAITING_SECONDS"),
        ("CONNECTOR_MEMORY_MIB", "1", "LEADHUB_CONNECTOR_MEMORY_MIB"),
        ("PROT", "80", "Unknown settings in the environment: LEADHUB_PROT"),
        ("CONFIG", "/nowhere/leadhub.toml", "LEADHUB_CONFIG"),
    ],
)
def test_a_bad_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    """The error names the variable, what is wrong and what to do."""
    monkeypatch.setenv(f"LEADHUB_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert says in str(caught.value)


def test_all_bad_values_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to start the server five times to find five mistakes."""
    monkeypatch.setenv("LEADHUB_PORT", "x")
    monkeypatch.setenv("LEADHUB_LOG_FORMAT", "x")
    with pytest.raises(SettingsError, match=r"(?s)LEADHUB_PORT.*LEADHUB_LOG_FORMAT"):
        load_settings()


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A TOML file sets what the environment does not."""
    file = tmp_path / "leadhub.toml"
    file.write_text('port = 9000\nhost = "0.0.0.0"\ntrusted_proxies = ["10.0.0.0/8"]\n')
    monkeypatch.setenv("LEADHUB_CONFIG", str(file))
    monkeypatch.setenv("LEADHUB_PORT", "9001")
    settings = load_settings()
    assert (settings.host, settings.port, str(settings.trusted_proxies[0])) == ("0.0.0.0", 9001, "10.0.0.0/8")


@pytest.mark.parametrize("text", ["k1:short", "nocolon", "k1:!!!", ":" + "A" * 44])
def test_a_bad_master_key_is_refused(text: str) -> None:
    """A key that is not 32 bytes never seals anything, and its text is not repeated."""
    with pytest.raises(SettingsError, match="new-key"):
        load_settings(master_keys=text).keys()


def test_an_embedded_set_up_makes_its_key_once(tmp_path: Path) -> None:
    """Without a key one is made in the data directory, for its owner only, and found again."""
    settings = load_settings(data_dir=tmp_path / "data")
    first = settings.keys()
    assert settings.keys() == first
    assert (tmp_path / "data" / "master.key").stat().st_mode & 0o077 == 0


def test_keys_keep_their_order() -> None:
    """The newest key, which seals, stands first."""
    both = f"{new_key('new')},{new_key('old')}"
    assert list(load_settings(master_keys=both).keys()) == ["new", "old"]
