"""Invents answers for the customers of a CSV file, because the real ones were never asked by us.

    python examples/online-retail/answers.py online_retail.csv.gz > answers.ndjson

Seeded: 70 % let themselves be remembered, 60 % want pages that suit them, 50 % contribute to what others are shown. A
line says `"evidence": "synthetic"`, and so does the entry that it becomes.
"""

import csv
import gzip
import io
import json
import random
import sys
from pathlib import Path

SHARES = {"remember": 0.7, "personalize": 0.6, "model.contribute": 0.5}
SEED = 352
AT = "2026-11-01T12:00:00Z"


def main(path: str) -> None:
    """Write one line per customer to standard output."""
    with gzip.open(path) if path.endswith(".gz") else Path(path).open("rb") as file:
        rows = csv.DictReader(io.TextIOWrapper(file, "utf-8-sig", newline=""))
        numbers = sorted({row["CustomerID"] for row in rows if row["CustomerID"]})
    chance = random.Random(SEED)
    for number in numbers:
        answers = [
            {"purpose": purpose, "answer": "given" if chance.random() < share else "refused"}
            for purpose, share in SHARES.items()
        ]
        line = {
            "customer_number": f"C-{number.zfill(6)}", "notice": "shop@1", "answers": answers, "method": "import",
            "at": AT, "evidence": "synthetic",
        }  # fmt: skip
        sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
