"""Voice agents and chat bots: any that can post a signed summary of a conversation."""
