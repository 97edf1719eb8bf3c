"""The runner: the process that instances run under, outside of all web workers."""
