"""The vocabulary of every strand: items, actions, results, errors, options. Imports nothing else of Plait."""
