"""Sealing: the log as a Merkle tree whose signed heads leave the house, so that a stranger can check that nothing changed."""
