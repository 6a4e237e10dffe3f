"""The commands, one file a family: each handler takes the session's context and its typed arguments."""
