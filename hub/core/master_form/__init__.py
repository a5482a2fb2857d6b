"""The one schema of lead fields of an organisation, in versions."""
