"""Engine, column types, naming rules and migrations; imports nothing else of ours."""
