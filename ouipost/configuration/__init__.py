"""Reading of the settings: from the environment, `.env`, and the secrets that embedded mode keeps in a file."""
