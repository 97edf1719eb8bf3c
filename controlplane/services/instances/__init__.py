"""What runs, for whoever may read the state: instances and their logs."""
