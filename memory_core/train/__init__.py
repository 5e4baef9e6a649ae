"""Training of embedding models and cross-encoders on files or on one's own memories."""
