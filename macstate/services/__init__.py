"""What stands for several resources: no probe, no commands, only ``expand()``."""

from macstate.resource import Entry
from macstate.services.endpoint import Endpoint
from macstate.services.gateway import Gateway
from macstate.services.job import Job

SERVICES: tuple[type[Entry], ...] = (Job, Gateway, Endpoint)
