"""API keys: making them, recognizing one in a request, and counting how much each is used."""
