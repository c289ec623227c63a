"""What the integration tests stand on: processes, the cluster, its clients and its reports."""
