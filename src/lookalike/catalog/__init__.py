"""The only truth: images, users, interactions, grades and vectors in one SQL database."""
