"""What goes out: slots, filled from own history where it is open and from the catalogue elsewhere, with reasons."""
