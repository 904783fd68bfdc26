"""How the settings are read: from the environment, `.env`, and the secrets that embedded mode keeps in a file."""
