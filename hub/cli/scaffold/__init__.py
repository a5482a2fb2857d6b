"""Writing a new connector: ``leadhub connectors new``."""
