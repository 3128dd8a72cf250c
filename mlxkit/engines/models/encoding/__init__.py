"""Encoding: a weight into codes, scales and biases that stock MLX decodes.

`minmax` is MLX's own encoder. `lsq` fits scale and bias of each group by least squares; `feedback` also answers each
column's rounding error in the columns that follow, which needs the second moments of the layer's inputs. The modes that
store no bias (mxfp4, nvfp4, mxfp8) have MLX's encoder only.
"""

from mlxkit.engines.models.encoding.encoders import Encoded, encode, losses
from mlxkit.engines.models.encoding.spool import Spool

__all__ = ["Encoded", "Spool", "encode", "losses"]
