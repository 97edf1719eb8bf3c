"""Images of our own, as scripts of the standard library: something to try a control plane with."""
