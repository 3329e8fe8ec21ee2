"""Most people in time: questions of coverage, solved to a proof."""
