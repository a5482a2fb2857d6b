"""Who did what to the configuration and to the data."""
