"""The text of `rehearse --help`."""

from __future__ import annotations

HELP = """\
rehearse: change what none of the Mac's own tools can

  old-guide                       what the hand-written guide leaves behind: agents, Funnel, a firewall rule
  brew-service ollama | nginx [PREFIX]
                                  Homebrew runs it (as sh.brew.NAME; homebrew.mxcl.NAME before 2026)
  login USER | logout             somebody sits down at the console, or leaves it (gui/UID comes and goes)
  run-jobs on | off               jobs really run their programs from their next start on;  off  ends them all
  crash LABEL                     a running job's program ends with status 1, and stays down (really run: SIGKILL)
  crash-loop LABEL                its program ends with status 1 at every start;  mend LABEL  ends that
  penalty LABEL                   a job in launchd's penalty box: kickstart hangs until it is loaded again
  disallow LABEL | allow LABEL    switched off in System Settings > Login Items, and on again
  stop-delay SECONDS              how long a job takes to stop after bootout (0.4)
  listen PORT NAME [HOST]         another program uses a port (NAME may be a path);  unlisten PORT  ends that
  uninstall PATH                  a program is gone, and stays gone
  pull-rate BYTES                 how fast a pull is, in bytes a second (0: a whole model in 0.3 s)
  pull-drop COUNT                 this many pulls are cut off
  load MODEL [SECONDS]            a model stays in memory for so long (300)
  disk FREE_BYTES                 how much of the disk is free now
  mount NAME [FREE_BYTES] | unmount NAME
                                  an external disk comes, as /Volumes/NAME, and goes
  clock SECONDS                   how far the Mac's clock is ahead (behind: -5)
  sudo-password PASSWORD | none   from now on sudo asks for it (none: it does not)
  pmset-refuse on | off           the write of disablesleep is refused
  holders [NAME...]               who prevents sleep (the note in `pmset -g`)
  ups on | off                    a UPS with a power profile of its own
  tailscale start | stop | login | logout
  tailscale variant oss | macsys | appstore
  tailscale rename NAME           the node has another name in the tailnet (registered again: studio-1)
  tailscale caps [NAME...]        the capabilities of the node
  version VERSION BUILD           another macOS
  filevault on | off              what fdesetup says
  autologin USER | off            what sysadminctl says
  sysctl NAME VALUE [read-only]   another machine
  full-disk-access on | off       whether systemsetup may set Remote Login
  forget-override LABEL           drop a label from launchd's overrides
"""
