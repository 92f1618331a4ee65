"""Repositories over HTTP, as the original's `server` serves them and its `http` store reads them."""
