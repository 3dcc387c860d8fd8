"""macstate: the YAML says what a Mac shall be; it is read, compared, changed, and read again.

``deploy.py`` is the line that a run follows. Where what is:

=============  =====================================================================================================
the spec       ``spec`` reads it, by ``document`` (YAML with places), ``overlay`` (its layers and short forms),
               ``spec_model`` (all sections), ``entry`` and ``types``; ``check`` refuses contradictions; ``schema``
               and ``explain`` tell what may be typed; ``secrets`` resolves references to keys; ``wishes`` and
               ``scope`` turn entries into resources
what there is  ``resources``: one kind a module (``resource`` is the base, ``outputs`` how it is read, ``steps``
               what it may do); ``services``: what stands for several resources
a Mac, read    ``probe`` (one remote command), ``facts``, ``found``, ``record`` (what macstate made), ``health``,
               ``ollama``
the plan       ``plan`` compares, ``left`` says what cannot be compared or done, ``change`` is what comes of it;
               ``preflight`` and ``guard`` say what stands against it; ``review`` has all of that; ``report``,
               ``plan_json`` and ``saved`` show and keep it
carried out    ``ops`` changes and verifies, ``session`` is one run, ``scripts`` what runs on the machine,
               ``journal`` what was done; ``hand`` stops and starts a job
tried          ``trial``: a chat from this laptop, link by link
the way there  ``hosts``, ``ssh`` (the connector), ``connect`` (one command and its answer), ``sudo``
the person     ``terminal`` prints, and makes ``printable`` what is not ours; ``options``, ``errors``, ``hint``,
               ``cli`` and ``status``; ``render`` and ``blocks`` write texts, ``files`` has the laptop's own
without a Mac  ``rehearsal``
=============  =====================================================================================================
"""
