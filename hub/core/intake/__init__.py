"""The ledger: receipts, dispositions, balance; and the work that turns receipts into leads."""
