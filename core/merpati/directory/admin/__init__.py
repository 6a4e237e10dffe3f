"""The directory as its one writer sees and changes it: services/auth, each call in that one's transaction."""
