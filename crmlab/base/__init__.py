"""What every other package stands on: errors, words, units, the look, the Fit and its optimiser."""
