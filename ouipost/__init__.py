"""Oui Post: configuration, and the foundation that the apps stand on."""

__version__ = "0.1.0"
