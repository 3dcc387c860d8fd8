"""Words that YAML 1.1 does not read as they were typed."""

from __future__ import annotations

import re

TRAPS = (  # tag, what it looks like, why, what to type
    (
        "tag:yaml.org,2002:bool",
        re.compile(r"(?!(true|false)$)"),
        "YAML reads it as {value}",
        "`{value}`",
    ),
    ("tag:yaml.org,2002:int", re.compile(r".*:"), "YAML reads it as the number {value}", "`'{text}'`"),
    ("tag:yaml.org,2002:float", re.compile(r".*:"), "YAML reads it as the number {value}", "`'{text}'`"),
    (
        "tag:yaml.org,2002:int",
        re.compile(r"0[0-7]{3}$"),  # a file's mode
        "YAML reads it as the number {value}",
        "`'{text}'`, or `{plain}`",
    ),
    (
        "tag:yaml.org,2002:int",
        re.compile(r"[-+]?0[0-9_]"),
        "YAML reads it as the number {value}",
        "`{plain}` or `'{text}'`",
    ),
    (
        "tag:yaml.org,2002:int",
        re.compile(r"[-+]?0[xb]|.*_"),
        "YAML reads it as the number {value}",
        "`{value}` or `'{text}'`",
    ),
    ("tag:yaml.org,2002:timestamp", re.compile(""), "YAML reads it as a date", "`'{text}'`"),
    ("tag:yaml.org,2002:merge", re.compile(""), "merge keys are not supported", "the keys themselves"),
)
