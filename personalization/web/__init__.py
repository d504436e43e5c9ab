"""The guest's own surface: slots, pages, events and the catalogue. It speaks HTTP, and knows no store and no key."""
