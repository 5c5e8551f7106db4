"""Counters of three services, each with six stable pods and, once a file is there, three of a canary.

usage: exporter.py PORT FILE. Requests and failures depend on the time alone, 200 requests a second for each pod, so that
the exporter is the same in every run: a failing share of 5 % for the stable versions and for the canary of `equal`, twice
that for `worse`; the canary of `silent` counts nothing.
"""
import http.server
import os
import sys
import time

PORT, FLAG = int(sys.argv[1]), sys.argv[2]
BEGAN = time.time()
RATE = 200
PODS = {"stable": 6, "canary": 3}
SHARE = {"equal": 0.05, "worse": 0.1, "silent": 0.05}


def noise(service, pod, second):
    """A number from 0 to 1 without a pattern, the same for the same second."""
    value = hash((service, pod, second)) & 0xFFFFFFFF
    return value / 0xFFFFFFFF


class Counter:
    def __init__(self):
        self.until, self.good, self.bad = None, 0, 0

    def advance(self, now, service, pod, share, rate):
        if self.until is None:
            self.until = now
        while self.until < now:
            bad = int(rate * share * (0.6 + 0.8 * noise(service, pod, self.until)) + 0.5)
            self.good, self.bad, self.until = self.good + rate - bad, self.bad + bad, self.until + 1


COUNTERS = {}


def page():
    now, lines = int(time.time()), []
    for service, share in SHARE.items():
        for track, pods in PODS.items():
            if track == "canary" and not os.path.exists(FLAG):
                continue
            for number in range(pods):
                pod = f"{service}-{track}-{number}"
                silent = track == "canary" and service == "silent"
                counter = COUNTERS.setdefault(pod, Counter())
                counter.advance(now, service, pod, share if track == "canary" else 0.05, 0 if silent else RATE)
                labels = f'service="{service}",track="{track}",pod="{pod}"'
                lines.append(f'requests_total{{{labels},code="200"}} {counter.good}')
                lines.append(f'requests_total{{{labels},code="500"}} {counter.bad}')
    return "\n".join(lines) + "\n"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = page().encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


http.server.HTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
