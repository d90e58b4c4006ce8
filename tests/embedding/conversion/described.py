"""The part of a description that all files of the tests have."""

HEAD = """
licence = "MIT"
[preprocessing]
size = 32
mean = [0, 0, 0]
std = [1, 1, 1]
[graph]
"""
