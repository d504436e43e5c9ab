"""Rendering: Jinja2 with autoescape and no undefined names, over our own templates."""

from pathlib import Path
from typing import Any

import jinja2
from litestar import MediaType, Response

from ecrm_privacy.words.catalogue import filled

TEMPLATES = Path(__file__).parent / "templates"
STATIC = Path(__file__).parent / "static"


class Templates(jinja2.Environment):
    """Looks for a name in a dict before it tries the dict's methods: there most names stand, and a miss is dear."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return `obj.attribute` of a template."""
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


class Pages:
    """Renders templates; `folders` come first, so that a shop's own page of a name wins."""

    def __init__(self, *folders: Path) -> None:
        self._templates = Templates(
            loader=jinja2.FileSystemLoader([*folders, TEMPLATES]),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.globals["filled"] = filled

    def text(self, name: str, **context: Any) -> str:
        """Return the template `name`, filled."""
        return self._templates.get_template(name).render(**context)

    def page(self, name: str, *, status_code: int = 200, **context: Any) -> Response[str]:
        """Return a whole page."""
        return Response(self.text(name, **context), media_type=MediaType.HTML, status_code=status_code)
