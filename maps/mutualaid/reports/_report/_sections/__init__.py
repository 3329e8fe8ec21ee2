"""The parts of a report: each module says one of them, or nothing where the run did not ask for it."""
