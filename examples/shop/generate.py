"""Writes the demo shop: catalogue, pictures, people, their answers and two years of history.

    python examples/shop/generate.py            # writes the files beside this one
    python examples/shop/generate.py --check    # exit 1 when a file is not what this program writes

Only the standard library. Everything follows from `SEED`, `UNTIL` and the TOML files: the same bytes each time. The
words are in `catalogue/`, the names in `people.toml`, the shapes in `drawings/`, the behaviour in `history.py`.
"""

import argparse
import json
import random
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from drawings import FLAT, picture
from drawings.brush import Look
from history import Person, answer_lines, event_lines, people

HERE: Final = Path(__file__).resolve().parent
SEED: Final = 1706
SECTIONS: Final = ("tea", "ceramics", "paper", "garden")


def files() -> dict[str, bytes]:
    """Return every generated file by its path below this folder."""
    catalogue = items()
    names = tomllib.loads((HERE / "people.toml").read_text("utf-8"))
    crowd = people(names, chance("people"))
    made = {
        "items.ndjson": ndjson(item_line(item, position) for position, item in enumerate(catalogue, start=1)),
        "customers.ndjson": ndjson(customer_line(person) for person in crowd),
        "answers.ndjson": ndjson(answer_lines(crowd, chance("answers"))),
        "events.ndjson": ndjson(event_lines(crowd, catalogue, chance("events"))),
    }
    return made | {f"pictures/{item['item_id']}.svg": drawn(item).encode() for item in catalogue}


def items() -> list[dict[str, Any]]:
    """Return the catalogue in its own order: one of each section in turn, as they stand in their files."""
    shelves = [tomllib.loads((HERE / "catalogue" / f"{section}.toml").read_text("utf-8")) for section in SECTIONS]
    columns = (
        [item | {"section": section} for item in shelf["item"]]
        for section, shelf in zip(SECTIONS, shelves, strict=True)
    )
    return [item for row in zip(*columns, strict=True) for item in row]


def chance(stream: str) -> random.Random:
    """Return a seeded generator; each stream has its own, so that a change in one moves no other."""
    return random.Random(f"{SEED}/{stream}")


def item_line(item: Mapping[str, Any], position: int) -> dict[str, Any]:
    """Return one line of items.ndjson; the position is the catalogue's own order, from 1."""
    item_id = item["item_id"]
    return {
        "item_id": item_id,
        "kind": "product",
        "title": item["title"],
        "summary": item["summary"],
        "section": item["section"],
        "url": f"/items/{item_id}",
        "image": f"/pictures/{item_id}.svg",
        "price": {"amount_minor": item["price_minor"], "currency": "EUR"},
        "stock": item["stock"],
        "position": position,
    }


def drawn(item: Mapping[str, Any]) -> str:
    """Return the item's picture; its identifier is the seed of whatever falls by chance in it."""
    main, second, third = item["colours"]
    look = Look(
        item["ground"], main, second, third, item.get("detail", ""), item["item_id"], item["drawing"] not in FLAT
    )
    return picture(item["drawing"], look)


def customer_line(person: Person) -> dict[str, Any]:
    """Return one line of customers.ndjson: what the shop knows, by category."""
    return {
        "customer_number": person.customer_number,
        "fields": {
            "contact": {"name": person.name, "email": person.email},
            "demographics": {
                "birth_year": str(person.birth_year),
                **person.place._asdict(),
            },
        },
    }


def ndjson(lines: Iterable[Mapping[str, Any]]) -> bytes:
    """Return one compact JSON object per line, in UTF-8."""
    return "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines).encode()


def main(arguments: list[str]) -> int:
    """Write or check the files; the exit status is 1 when `--check` finds a difference."""
    parser = argparse.ArgumentParser(description="Write the demo shop's data and pictures.")
    parser.add_argument("--check", action="store_true", help="write nothing; say which files differ")
    check = parser.parse_args(arguments).check
    wanted = files()
    there = {
        str(path.relative_to(HERE)): path.read_bytes() for path in (*HERE.glob("*.ndjson"), *HERE.glob("pictures/*"))
    }
    changed = sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))
    for name in changed:
        sys.stdout.write(f"{name}\n")
        if not check:
            write(HERE / name, wanted.get(name))
    return 1 if check and changed else 0


def write(path: Path, content: bytes | None) -> None:
    """Write one file, or remove one that is no longer made."""
    if content is None:
        path.unlink()
        return
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
