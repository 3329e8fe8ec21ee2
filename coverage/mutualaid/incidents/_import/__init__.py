"""Records of incidents as others keep them, brought into the form of a region by stated rules."""
