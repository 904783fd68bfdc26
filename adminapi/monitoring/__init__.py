"""The installation's health: probes, signs of life, numbers, and the callers who may see them."""
