"""`python -m ecrm_privacy` is `ecrm`; with `_work` it is one worker of a running service."""

import sys

if __name__ == "__main__":
    if sys.argv[1:] == ["_work"]:
        from ecrm_privacy.processes import work

        sys.exit(work())
    from ecrm_privacy.cli import main

    sys.exit(main())
