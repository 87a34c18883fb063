"""Twenty people at the desk at once, for ``benchmarks.desk_pages``: each filtering and scrolling the queue."""

from __future__ import annotations

import re
import statistics
import sys
import threading
import time
from collections.abc import Mapping

import httpx

__all__ = ["PEOPLE", "people_at_once"]

PEOPLE = 20
ROUNDS = 10
SHOWN_ERRORS = 5


def people_at_once(address: str, passwords: Mapping[str, str]) -> dict[str, float]:
    """Requests, errors and milliseconds of ``bench0`` to ``bench19``, who all work at the same time."""
    seconds: list[float] = []
    errors: list[str] = []

    def work(number: int) -> None:
        name = f"bench{number}"
        with httpx.Client(base_url=address, timeout=60.0, follow_redirects=True) as client:
            _sign_in(client, name, passwords[name])
            for turn in range(ROUNDS):
                start = (number * ROUNDS + turn) * 100
                for path in (
                    f"/queue/rows?start={start}&end={start + 100}",
                    "/queue/rows?severity=high",
                    "/",
                ):
                    began = time.perf_counter()
                    answer = client.get(path, headers={"Accept": "application/json, text/html"})
                    seconds.append(time.perf_counter() - began)
                    if answer.status_code != 200 or answer.url.path.startswith("/sign-in"):
                        errors.append(f"{name} {path}: {answer.status_code} {answer.url}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(PEOPLE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors[:SHOWN_ERRORS]:
        print(error, file=sys.stderr)
    taken = sorted(1e3 * one for one in seconds)
    return {
        "requests of 20 people": float(len(taken)),
        "errors of 20 people": float(len(errors)),
        "median of 20 people": statistics.median(taken),
        "95th percentile of 20 people": taken[int(0.95 * len(taken))],
    }


def _sign_in(client: httpx.Client, name: str, password: str) -> None:
    form = client.get("/sign-in").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', form)
    fields = {"name": name, "password": password, "next": "/", "csrf_token": token[1] if token else ""}
    client.post("/sign-in", data=fields, headers={"Referer": f"{client.base_url}/sign-in"})
