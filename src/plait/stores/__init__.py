"""Places that hold bytes under keys: the Store protocol, its stores and its wrappers."""
