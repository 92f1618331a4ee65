"""The optional C extension and its pure-Python twin. Imports nothing else of Plait."""
