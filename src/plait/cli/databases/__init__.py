"""What the commands about databases share, on Plait's own face and on the litestream front.

| module | subject |
|---|---|
| `asking` | requests to a daemon, and where its socket is |
| `opening` | replicas that words or a configuration name |
| `files` | the LTX files of a replica, as tables and JSON |
| `local` | what is known of a database without a daemon: its state, and resetting it |
| `daemons` | running a daemon: log, socket, metrics, heartbeat |
"""
