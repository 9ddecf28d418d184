"""A proxy that a server advertises instead of itself: it holds ends of transactions back.

Every request passes as it came, but an EndTxn may be late: it waits, and the others of its
connection with it. Or its client loses the connection at once and the server is told only later,
when the client has come back, or has another producer in its place: only where the client speaks
transactions as KIP-890 has them (EndTxn 5), for before that a late end may hit the transaction
after its own, and no server can tell.
"""

import random
import selectors
import socket
import threading
import time

END_TXN, END_TXN_OF_ONE, FRAME_BYTES_MAX = 26, 5, 64 << 20
HELD_SECONDS_MAX = 0.6


class LateEnds:
    """Listens on a loopback port; `target` is the server's, which may change."""

    def __init__(self, share, seed):
        self.share, self.rng = share, random.Random(seed)
        self.target, self.held, self.orphaned = None, 0, 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            server = socket.create_connection(("127.0.0.1", self.target), 10)
        except OSError:  # killed just now
            client.close()
            return
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with client, server, selectors.DefaultSelector() as waiting:
            waiting.register(client, selectors.EVENT_READ)
            waiting.register(server, selectors.EVENT_READ)
            pending = bytearray()
            try:
                while True:
                    for key, _ in waiting.select():
                        data = key.fileobj.recv(1 << 18)
                        if not data:
                            return
                        if key.fileobj is server:
                            client.sendall(data)
                            continue
                        pending += data
                        if not self.forward(pending, client, server):
                            return
            except OSError:
                return

    def forward(self, pending, client, server):
        """Sends the whole requests in `pending`; false if the client was cut off."""
        while len(pending) >= 8:
            size = int.from_bytes(pending[:4])
            if size > FRAME_BYTES_MAX:
                raise OSError("no request")
            if len(pending) < 4 + size:
                return True
            frame = bytes(pending[:4 + size])
            del pending[:4 + size]
            if int.from_bytes(frame[4:6]) == END_TXN and self.rng.random() < self.share:
                seconds = self.rng.uniform(0, HELD_SECONDS_MAX)
                if int.from_bytes(frame[6:8]) >= END_TXN_OF_ONE and self.rng.random() < 0.5:
                    self.orphaned += 1
                    client.close()
                    time.sleep(seconds)
                    server.sendall(frame)
                    server.settimeout(5)
                    server.recv(1 << 16)  # so that it is not cut off before it has read
                    return False
                self.held += 1
                time.sleep(seconds)
            server.sendall(frame)
        return True
