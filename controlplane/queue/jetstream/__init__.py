"""The queue of several servers in NATS JetStream, in NVCF's own layout of streams."""
