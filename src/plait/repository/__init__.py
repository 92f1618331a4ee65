"""The repository strand: deduplicated snapshots in Plakar's Kloset format, and keeping two repositories in step."""
