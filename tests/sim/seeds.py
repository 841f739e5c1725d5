"""How many seeds the simulation runs: `ATOLL_SIM_SEEDS`, else what `make test` affords."""

from __future__ import annotations

import os
from typing import Final

#: What `make sim` runs unless told (SEEDS in the Makefile).
MAKE_SIM_SEEDS: Final = 200
SEEDS: Final = int(os.environ.get("ATOLL_SIM_SEEDS", "80"))
