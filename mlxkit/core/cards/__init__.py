"""The model card of weights that mlxkit made: its figures, chosen from measurements, and where each is from.

Every number is from a measurement of the very weights that the card is of, or a fact that the weights and their build
record tell; what is neither reads "not measured". Others appear in two tables only, whose rows name their own
measurements: the frontier, and the original's speed.

    facts = Facts.of(checkpoint, repo, digest, source_card=..., fits=...)
    card = made(facts, measurements)
    picture(card)          the frontier, to be drawn; None where there is none

How it becomes a README.md is `engines.hub.cards`.
"""

from mlxkit.core.cards.facts import Facts, Fit
from mlxkit.core.cards.frontier import FILE_NAME as FRONTIER
from mlxkit.core.cards.made import Card, made, picture

__all__ = ["FRONTIER", "Card", "Facts", "Fit", "made", "picture"]
