"""Pictures as results would have them drawn."""

from mlxkit.core.report import Axis, Line, Picture, Series

DEPTHS = (0, 4096, 16384)

SPEED = Picture(
    "Decode speed against depth",
    Axis("Depth", "tokens"),
    Axis("Decode speed", "tps"),
    (
        Series("first <b>&amp;</b>", tuple(zip(DEPTHS, (101.0, 92.0, 71.5), strict=True)), (1.0, None, 2.0)),
        Series("$x^2$ -- third", tuple(zip(DEPTHS, (98.0, 95.0, 88.0), strict=True))),
    ),
    (Line("ceiling", 142.0),),
    "A machine. Bars: standard error of 5 runs.",
)

LOSS = Picture(
    "KL divergence against size",
    Axis("Size", "bytes", is_logarithmic=True),
    Axis("KL", "nats", is_logarithmic=True),
    (Series("uniform", ((1.3e9, 0.62), (2.3e9, 0.021), (4.1e9, 0.0008)), (0.05, 0.003, 0.0009)),),
    (Line("noise", 3e-4),),
)
