"""Who does not want to be written to or called: said by words, by the platform, or noted by a user."""
