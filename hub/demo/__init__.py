"""The demonstration: a hub on this machine, a simulated platform, visitors, and a check of all of them."""
