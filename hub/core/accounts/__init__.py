"""Who may sign in, and what they may do: permissions, passwords, sessions, API keys, one-time links."""
