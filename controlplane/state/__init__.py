"""The state store: values and protocols, one SQL implementation, migrations."""
