"""Plait keeps trees, snapshot repositories and SQLite databases in step.

Importing this package loads nothing else: the command must start at once, and ``plait --version`` reads
``__version__`` from here.
"""

__version__ = "0.1.0.dev0"
