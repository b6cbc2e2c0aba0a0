"""Customer base analysis: how often customers buy, whether they still do, and what that is worth."""
