"""Published analyses made again, and a researcher's own data in tables."""
