"""Who may do what: credentials, scopes, resource policies, and the resources that hold them."""
