"""Whether what is forgotten is gone: from the files, not only from the answers."""
