"""Visual search that you own: index pictures, search by image or crop, learn from clicks."""

__version__ = "0.1.0"
