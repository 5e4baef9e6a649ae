"""Vector indexes: disposable copies of the journal's vectors that find nearest neighbours."""
