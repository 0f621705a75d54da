"""What a store says of itself: proof, and health."""
