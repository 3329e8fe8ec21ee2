"""What a record teaches the model: speeds, the delay at junctions, and the delays before the wheels roll."""
