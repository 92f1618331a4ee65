"""What is to be replicated, and how: the settings, and the files that they are read from.

| module | subject |
|---|---|
| `settings` | the settings of a daemon, its databases and their replicas, with Litestream's defaults |
| `expansion` | variables of the environment in a configuration file |
| `litestream` | `litestream.yml`, read as it is |
| `places` | where a replica is: its URL or its settings, and the store that is opened for it |
| `directories` | the databases of a directory |
| `own` | the table `databases` of Plait's own configuration |
"""
