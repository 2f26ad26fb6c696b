"""Value: what customers are worth, whether they stay, and what points and tiers they have."""
