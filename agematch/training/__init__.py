"""Fit the models that ship in `models/`: the cross-age space, the apparent age, the likelihood ratios, the chance counts."""
