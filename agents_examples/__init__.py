"""Examples that run offline with a scripted model, and with a real one where a key is set."""
