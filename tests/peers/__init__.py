"""Judges that nobody here wrote."""
