"""Password hashes: argon2id for ours, older schemes until their next login, and the pool that computes them."""
