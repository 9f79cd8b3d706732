"""Helpers of the network test.
serve.py files DIR      serves DIR by HTTP on 127.0.0.1, prints its port
serve.py port           prints a TCP port of 127.0.0.1 that is free now
serve.py talk PORT LOG  waits for the guest's word in LOG, connects until it answers, says one line, prints what came back
"""
import functools
import http.server
import socket
import sys
import time


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def files(folder):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    print(server.server_address[1], flush=True)
    server.serve_forever()


def port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        print(s.getsockname()[1])


def talk(number, log):
    """The guest's nc ends as soon as its peer has sent everything: the answer is read before this side closes."""
    until = time.monotonic() + 300
    while b"orrery-guest: serving" not in open(log, "rb").read():
        if time.monotonic() > until:
            return 1
        time.sleep(0.1)
    while time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", number), 5) as s:
                s.sendall(b"hello from the host\n")
                s.settimeout(60)
                answer = b""
                while part := s.recv(4096):
                    answer += part
                if answer:
                    print(answer.decode(), end="")
                    return 0
        except ConnectionRefusedError:  # the emulator has ended
            return 1
        except OSError:  # the guest does not listen yet
            pass
        time.sleep(0.3)
    return 1


if sys.argv[1] == "files":
    files(sys.argv[2])
elif sys.argv[1] == "port":
    port()
else:
    sys.exit(talk(int(sys.argv[2]), sys.argv[3]))
