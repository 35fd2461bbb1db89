"""What a network's outputs mean, and what it means that two networks agree on them."""
