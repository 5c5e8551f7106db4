"""A client that sends on time whatever becomes of it, what its log says of a split, and an ear for events.

usage: traffic.py send  LOG STOP RATE PORT HOST...     until the file STOP is there: one line "time host code pod version" for
                                                       each request, 000 and a reason for one without a whole answer
       traffic.py shares LOG HOST WEIGHTS PRIMARY     WEIGHTS has lines "time weight-of-the-canary", without a weight where there
                                                       is no canary; prints each weight that held long enough to be counted and
                                                       what pods other than PRIMARY's served of it; exits 1 if they differ
       traffic.py hear PORT LOG                       writes down each event of a Canary that is told there: "namespace message"
"""
import asyncio
import http.server
import itertools
import json
import os
import sys
import time

# Longer than anybody waits for a page.
PATIENCE = 10.0
# After a change of the weights the proxy is given so long to hear of it; where not one request may go astray, as long as a busy
# machine was seen to take.
SETTLED, SETTLED_WHOLE = 1.0, 8.0
# Fewer requests say nothing of a share.
ENOUGH = 100


async def ask(port, host):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        whole = "content-length" in headers and int(headers["content-length"]) == len(body)
        if not whole and lines[0].split(" ")[1:2] == ["200"]:
            return "000 - half-an-answer"
        return f"{lines[0].split(' ')[1]} {headers.get('x-pod', '-')} {headers.get('x-version', '-')}"
    finally:
        writer.close()


async def one(log, port, host):
    began = time.time()
    try:
        said = await asyncio.wait_for(ask(port, host), PATIENCE)
    except (OSError, IndexError, ValueError, asyncio.TimeoutError) as error:
        said = f"000 - {type(error).__name__}:{str(error).replace(' ', '-')}"
    log.write(f"{began:.3f} {host} {said}\n")


async def send(path, stop, rate, port, hosts):
    began, running = time.monotonic(), set()
    with open(path, "w", buffering=1) as log:
        for number in itertools.count():
            if os.path.exists(stop):
                break
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            for host in hosts:
                task = asyncio.create_task(one(log, port, host))
                running.add(task)
                task.add_done_callback(running.discard)
        await asyncio.gather(*running)


def shares(path, host, weights, primary):
    asked = [line.split() for line in open(path)]
    asked = [(float(words[0]), words[3]) for words in asked if words[1] == host]
    held = [line.split() for line in open(weights)]
    wrong = False
    for words, later in zip(held, held[1:] + [[asked[-1][0]]]):
        since, until = float(words[0]), float(later[0])
        if len(words) < 2:
            continue
        weight = int(words[1])
        settled = since + (SETTLED if 0 < weight < 100 else SETTLED_WHOLE)
        pods = [pod for at, pod in asked if settled <= at < until]
        if len(pods) < ENOUGH:
            continue
        got, share = sum(not pod.startswith(primary) for pod in pods), weight / 100
        far = 4 * (len(pods) * share * (1 - share)) ** 0.5
        ok = abs(got - len(pods) * share) <= far
        wrong |= not ok
        print(f"{host}: weight {weight}: {got} of {len(pods)} requests reached the canary" + ("" if ok else ", too far from it"))
    return wrong


def hear(port, path):
    class Ear(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with open(path, "a") as log:
                log.write(f"{body['namespace']} {body['metadata']['eventMessage']}\n")
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    http.server.HTTPServer(("127.0.0.1", int(port)), Ear).serve_forever()


if __name__ == "__main__":
    verb, rest = sys.argv[1], sys.argv[2:]
    if verb == "send":
        asyncio.run(send(rest[0], rest[1], float(rest[2]), int(rest[3]), rest[4:]))
    elif verb == "shares":
        sys.exit(shares(*rest))
    else:
        hear(*rest)
