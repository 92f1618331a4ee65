"""What a person configured for repositories: `stores.yml`, `sources.yml`, `destinations.yml` and `policies.yml`."""
