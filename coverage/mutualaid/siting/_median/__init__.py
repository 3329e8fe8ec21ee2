"""Sums of times and longest times: questions of the p-median and the p-center, solved to a proof."""
