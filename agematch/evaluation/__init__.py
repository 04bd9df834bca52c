"""Accuracy measured on labelled photographs: protocols, searches through the real scoring, figures with intervals."""
