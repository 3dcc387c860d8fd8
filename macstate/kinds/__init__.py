"""The kinds, one module each. Changes are made in the order of ``KINDS``, removals in the reverse order."""

from macstate.kernel.declaration import Declaration
from macstate.kernel.resource import Resource
from macstate.kinds.alias import Alias
from macstate.kinds.file import File, FileEntry
from macstate.kinds.firewall import Firewall, FirewallEntry
from macstate.kinds.guide import GuidePages
from macstate.kinds.home_file import HomeFile
from macstate.kinds.host_name import HostName, HostNameEntry
from macstate.kinds.key_file import KeyFile
from macstate.kinds.launchd import Launchd
from macstate.kinds.line import Line
from macstate.kinds.model import Model
from macstate.kinds.power import Power, PowerEntry
from macstate.kinds.power_schedule import PowerSchedule, PowerScheduleEntry
from macstate.kinds.remote_login import RemoteLogin, RemoteLoginEntry
from macstate.kinds.screen_sharing import ScreenSharing, ScreenSharingEntry
from macstate.kinds.serve import Serve
from macstate.kinds.software_update import SoftwareUpdate, SoftwareUpdateEntry
from macstate.kinds.sysctl import Sysctl
from macstate.kinds.tailscale import Tailscale, TailscaleEntry
from macstate.kinds.time_zone import TimeZone, TimeZoneEntry

KINDS: tuple[type[Resource], ...] = (
    Power,
    PowerSchedule,
    Firewall,
    ScreenSharing,
    HostName,
    TimeZone,
    RemoteLogin,
    SoftwareUpdate,
    Sysctl,
    KeyFile,  # before the files that include it, and are checked with it
    File,
    GuidePages,  # before the gateway that serves it
    Launchd,
    Serve,
    Tailscale,  # the session that brings the changes runs over it
    HomeFile,
    Line,  # its file must be there
    Model,  # its server must run; last, since a model that cannot be pulled must not stop anything else
    Alias,  # of a model that is here
)

ENTRIES: tuple[type[Declaration], ...] = (
    PowerEntry,
    PowerScheduleEntry,
    FirewallEntry,
    ScreenSharingEntry,
    HostNameEntry,
    TimeZoneEntry,
    RemoteLoginEntry,
    SoftwareUpdateEntry,
    FileEntry,
    TailscaleEntry,
)
"""The sections of the spec whose entries stand for resources of these kinds alone."""
