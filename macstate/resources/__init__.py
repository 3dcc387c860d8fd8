"""What a Mac has and can be read back, one module a kind; changed in this order, removed in the reverse."""

from macstate.resource import Resource
from macstate.resources.alias import Alias
from macstate.resources.file import File
from macstate.resources.firewall import Firewall
from macstate.resources.guide import GuidePages
from macstate.resources.home_file import HomeFile
from macstate.resources.host_name import HostName
from macstate.resources.launchd import Launchd
from macstate.resources.line import Line
from macstate.resources.model import Model
from macstate.resources.power import Power
from macstate.resources.power_schedule import PowerSchedule
from macstate.resources.remote_login import RemoteLogin
from macstate.resources.screen_sharing import ScreenSharing
from macstate.resources.secret import Secret
from macstate.resources.serve import Serve
from macstate.resources.software_update import SoftwareUpdate
from macstate.resources.sysctl import Sysctl
from macstate.resources.tailscale import Tailscale

KINDS: tuple[type[Resource], ...] = (
    Power,
    PowerSchedule,
    Firewall,
    ScreenSharing,
    HostName,
    RemoteLogin,
    SoftwareUpdate,
    Sysctl,
    Secret,  # before the files that include it, and are checked with it
    File,
    GuidePages,  # before the gateway that serves it
    Launchd,
    Serve,
    Tailscale,  # the session that brings the changes runs over it
    HomeFile,
    Line,  # it takes in a file that must be there
    Model,  # its server must run; last, for one that cannot be had is no reason to leave out anything else
    Alias,  # of a model that is here
)
