"""The use cases: each takes a context, works over the rooms below, and prints nothing."""
