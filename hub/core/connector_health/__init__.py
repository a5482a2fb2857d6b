"""How connectors are doing: their faults, remembered by each process and kept for all of them."""
