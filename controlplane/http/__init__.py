"""What every API of the server shares: application, middleware, problems, caches, OpenAPI."""
