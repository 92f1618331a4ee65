"""Faces of other programs: their verbs, options, words and exit codes."""
