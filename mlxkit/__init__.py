"""mlxkit: run, inspect, convert and quantize open models on Apple silicon, and know what was lost.

Floors, from the bottom: `core` (meaning, pure), `engines` (the outside, one door per dependency), `usecases` (one verb
each, plan to result) beside `render` (how results look), `cli` (words). Imports only go down.
"""

__version__ = "0.1.0"
