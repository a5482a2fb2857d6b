"""The hub's running processes: their names, their heartbeats, and who takes over from a dead one."""
