"""The company: its people and territories, its costs, its aims, and what it earns."""
