"""Flow over time as cuts and maximum flows: the engine of the two bounds."""
