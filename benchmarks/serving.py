"""A server under load: throughput beside the engine alone, what it does when asked too much, time to the first answer.

python benchmarks/serving.py [--requests 2000] [--clients 64]
python benchmarks/serving.py --rows --requests 100000

The model is ants vs bees, which is fitted first. Clients are threads of another process that send a picture each,
drawn from the test part, and compare what comes back with what ``predict_proba`` answered. ``engine`` is the same
pictures by the estimator in this process, without a store, before the server starts; both use all cores. ``--rows``
asks a probe of scikit-learn's breast cancer table instead: an answer costs little, so that very many can be compared.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any

import numpy as np

import transferium as tm
from record import DATA, record

BOUNDARY = "transferium"
Body = tuple[str, bytes]
"""The type of a request's content, and the content."""


def form(content: bytes) -> Body:
    """A form with one file."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
    body = head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
    return f"multipart/form-data; boundary={BOUNDARY}", body


def client(
    port: int, bodies: list[Body], truth: list[float], asked: range, found: list[tuple[int, float, bool]]
) -> None:
    """Send requests one after another, and note the status, the seconds and whether the answer is the right one."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    for i in asked:
        at = i % len(bodies)
        began = time.perf_counter()
        kind, body = bodies[at]
        connection.request("POST", "/predict", body, {"Content-Type": kind})
        answer = connection.getresponse()
        told = json.loads(answer.read())
        right = answer.status == 200 and next(iter(told["predictions"][0]["probabilities"].values())) == truth[at]
        found.append((answer.status, time.perf_counter() - began, right))
    connection.close()


def load(port: int, bodies: list[Body], truth: list[float], requests: int, clients: int, pipe: Any) -> None:
    """All clients at once, in a process of their own."""
    found: list[tuple[int, float, bool]] = []
    threads = [
        threading.Thread(target=client, args=(port, bodies, truth, range(k, requests, clients), found))
        for k in range(clients)
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pipe.send((time.perf_counter() - began, found))


def under(port: int, bodies: list[Body], truth: list[float], requests: int, clients: int) -> dict[str, Any]:
    """Throughput and seconds under that load, how often what was answered, and how many answers were wrong or lost."""
    here, there = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=load, args=(port, bodies, truth, requests, clients, there)
    )
    process.start()
    seconds, found = here.recv()
    process.join()
    answered = np.array([took for status, took, _ in found if status == 200])
    statuses = [status for status, _, _ in found]
    return {
        "clients": clients,
        "requests": requests,
        "answered_per_second": len(answered) / seconds,
        "seconds_p50_p99": np.quantile(answered, [0.5, 0.99]).round(4).tolist(),
        "statuses": {str(status): statuses.count(status) for status in sorted(set(statuses))},
        "wrong": sum(status == 200 and not right for status, _, right in found),
        "lost": requests - len(found),
    }


def of_pictures() -> tuple[Any, Any, list[Body]]:
    """A model of ants and bees, the pictures of its val part, and a request for each."""
    paths = sorted((DATA / "hymenoptera" / "val").glob("*/*.jpg"))
    made = tm.TransferClassifier("probe").fit(DATA / "hymenoptera")
    return made, list(map(str, paths)), [form(path.read_bytes()) for path in paths]


def of_rows() -> tuple[Any, Any, list[Body]]:
    """A model of half of a table, the other half, and a request for each of its rows."""
    from sklearn.datasets import load_breast_cancer

    frame = load_breast_cancer(as_frame=True)
    examples = frame.data[1::2].reset_index(drop=True)
    made = tm.TransferClassifier("probe").fit(frame.data[::2], frame.target[::2])
    asked = [json.dumps({"rows": [row]}).encode() for row in examples.to_dict("records")]
    return made, examples, [("application/json", body) for body in asked]


def main() -> None:
    """Fit, serve, ask, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--rows", action="store_true", help="ask a model of a table, not one of pictures")
    parser.add_argument("--dry", action="store_true", help="print the figures and write nothing")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made, examples, bodies = of_rows() if asked.rows else of_pictures()
        made.save(folder)
        model = tm.load(folder)
        model.store = False
        truth = model.predict_proba(examples)[:, 0].tolist()
        began = time.perf_counter()
        model.predict_proba(examples)
        figures: dict[str, Any] = {"engine_per_second": len(bodies) / (time.perf_counter() - began)}
        began = time.perf_counter()
        command = [sys.executable, "-m", "transferium", "serve", folder, "--port", "0"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ) as server:
            assert server.stderr is not None
            port = int(server.stderr.readline().split()[0].rpartition(":")[2])
            found: list[tuple[int, float, bool]] = []
            client(port, bodies, truth, range(1), found)
            figures["seconds_to_first_answer"] = time.perf_counter() - began
            figures["load"] = under(port, bodies, truth, asked.requests, asked.clients)
            figures["ten_times"] = under(port, bodies, truth, asked.requests, 10 * asked.clients)
            server.terminate()
    figures["of_the_engine"] = figures["load"]["answered_per_second"] / figures["engine_per_second"]
    record("serving_rows" if asked.rows else "serving", figures, dry=asked.dry)


if __name__ == "__main__":
    main()
