"""Where this machine is, as a cluster of its own, its functions and their queues say."""

REGION = "us-west-1"
