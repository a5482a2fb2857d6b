"""The hub as several processes on several hosts: what happens when one is killed, stopped, or loses its database."""
