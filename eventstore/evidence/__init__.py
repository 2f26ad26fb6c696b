"""Evidence: the log against its seal, and bundles by which anybody can check that without us."""
