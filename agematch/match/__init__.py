"""Turn similarities into candidate lists: fused templates, likelihood ratios, chance counts, and the measures of all three."""
