"""Marketing: segments, campaigns and offers, and what came of them."""
