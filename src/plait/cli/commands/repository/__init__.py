"""The commands of the repository strand, for both faces."""
