"""How pages write dates, language by language. Django's own English has twelve hours, and its French capitals."""
