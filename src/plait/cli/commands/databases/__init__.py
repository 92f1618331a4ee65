"""The commands about databases and their replicas, on Plait's own face."""
