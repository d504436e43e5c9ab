"""What comes in: the catalogue, and events that a permission covers. What is not permitted is not stored."""
