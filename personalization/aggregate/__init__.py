"""What is learned from many: item affinities as exact counts, which forget a person as exactly as they learned."""
