"""What each command does; `registry` gives it its name, its states and its capability."""
