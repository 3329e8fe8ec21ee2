"""Routes of constant rate: prices, columns, the program that gives them rates, and their check."""
