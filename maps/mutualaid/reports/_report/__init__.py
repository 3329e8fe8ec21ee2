"""The report: what it says, as blocks that every edition is made of."""
