"""`python -m ecrm_privacy` is `ecrm`; with `_work` it is a process of a service, with `_verify` it helps to check.

What follows `_work`, its part and the folder of its data, is for whoever lists processes.
"""

import sys

if __name__ == "__main__":
    if sys.argv[1:2] == ["_work"]:
        from ecrm_privacy.worker import work

        sys.exit(work())
    if sys.argv[1:] == ["_verify"]:
        from ecrm_privacy.apart import work

        sys.exit(work())
    from ecrm_privacy.cli import main

    sys.exit(main())
