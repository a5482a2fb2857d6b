"""Source forms as last seen, and the stored mapping of each to the master form."""
