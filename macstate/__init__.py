"""macstate: the YAML says what a Mac shall be; macstate plans the difference, carries it out and proves it."""

import gc

# what pyinfra has loaded lives as long as the process: without this, the collector walks it again at our imports
# and at the end, which costs a run 0.1 s (benchmarks/kernel.py)
gc.freeze()
