"""The course: lessons, exercises and practice."""
