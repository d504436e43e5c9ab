"""`python -m ecrm_privacy` is `ecrm`; with `_work` it is a worker of a service, with `_verify` it helps to check."""

import sys

if __name__ == "__main__":
    if sys.argv[1:] == ["_work"]:
        from ecrm_privacy.processes import work

        sys.exit(work())
    if sys.argv[1:] == ["_verify"]:
        from ecrm_privacy.apart import work

        sys.exit(work())
    from ecrm_privacy.cli import main

    sys.exit(main())
