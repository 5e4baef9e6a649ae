"""Where a model comes from: a path, the local cache, or the installed offline package."""
