"""Coverage when units are out: calls that are drawn or replayed, and the units that answer them."""
