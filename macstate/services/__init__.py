"""What stands for several resources: no probe, no commands, only ``expand()``."""

from macstate.entry import Entry
from macstate.services.endpoint import Endpoint
from macstate.services.gateway import Gateway
from macstate.services.gpu_memory import GpuMemory
from macstate.services.job import Job
from macstate.services.log_rotation import LogRotation

SERVICES: tuple[type[Entry], ...] = (Job, Gateway, Endpoint, GpuMemory, LogRotation)
