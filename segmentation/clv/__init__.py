"""What customers are expected to be worth: BG/NBD for how often they come back, Gamma-Gamma for what they spend.

`bgnbd`, `gammagamma`, `history`, `forecast` and `holdout` are calculators; `reading` and `writing` are their tables.
"""
