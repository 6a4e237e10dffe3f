"""SASL (RFC 4422) for services that don't decode a mechanism themselves: bytes in, challenge or credentials out."""
