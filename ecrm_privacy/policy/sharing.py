"""Several sites of one policy: one answer is about all of those that show the same notice, and about no other.

An answer is kept by person and purpose, without a site. So the sites of a notice have one controller, and what one
notice asks no other one does: a site with a notice of its own has purposes of its own (GDPR 4(11), 6(1)(a): consent is
given to a controller, for specific purposes, after what was read).
"""

from collections.abc import Iterator

from ecrm_privacy.policy.documents import Bundle


def problems(bundle: Bundle) -> Iterator[str]:
    """Where an answer to one site would count for another that said something else, or is somebody else."""
    shown: dict[str, str] = {}
    for name, site in sorted(bundle.sites.items()):
        first = bundle.sites[shown.setdefault(site.notice, name)]
        if (site.controller.name, site.controller.address) != (first.controller.name, first.controller.address):
            yield (
                f"sites/{name}.toml: notice: '{site.notice}' is shown by sites/{first.name}.toml too, whose controller"
                " is another: an answer to one would be one to both (GDPR 4(7), 4(11))"
            )
    asked: dict[str, str] = {}
    for notice in sorted(shown):
        newest = bundle.current_notice(notice)
        for place, purpose in enumerate(newest.purposes):
            first_notice = notice if bundle.purposes[purpose].required else asked.setdefault(purpose, notice)
            if first_notice != notice:
                yield (
                    f"notices/{newest.name}.toml: purposes[{place}]: '{purpose}' is asked by the notice"
                    f" '{first_notice}' too: sites share one notice, or each has purposes of its own (GDPR 6(1)(a))"
                )
