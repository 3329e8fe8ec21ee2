"""Sets of sites of which one must be open, and programs that choose among them."""
