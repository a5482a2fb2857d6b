"""The connector contract: the only part of the hub that a plugin imports."""
