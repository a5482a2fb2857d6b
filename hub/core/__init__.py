"""The core: master form, mapping, defaults, routing, ledger, leads, connections. Knows no platform and no HTTP."""
