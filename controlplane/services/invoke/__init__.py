"""Invoking functions: the plane that NVIDIA's http-invocation is (NVCF contract, section 7)."""
