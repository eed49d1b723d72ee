#!/usr/bin/env python3
"""pyserial's RFC 2217 server in front of any pyserial port: rfc2217_proxy.py TARGET_URL

Prints "listening on PORT", serves one client after the other until it is killed.
"""
import socket, sys, threading, time

import serial
import serial.rfc2217


class Connection:
    def __init__(self, client):
        self.client = client
        self.lock = threading.Lock()

    def write(self, data):  # PortManager answers through this
        with self.lock:
            self.client.sendall(data)


def serve(client, port):
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection = Connection(client)
    manager = serial.rfc2217.PortManager(port, connection)
    alive = True

    def to_client():
        while alive:
            data = port.read(port.in_waiting or 1)
            if data:
                try:
                    connection.write(b''.join(manager.escape(data)))
                except OSError:
                    return

    reader = threading.Thread(target=to_client, daemon=True)
    reader.start()
    try:
        while data := client.recv(1024):
            port.write(b''.join(manager.filter(data)))
    except OSError:
        pass
    alive = False
    reader.join()
    client.close()


target = serial.serial_for_url(sys.argv[1], do_not_open=True, timeout=0.02)
target.dtr = target.rts = False
target.open()
listener = socket.create_server(('127.0.0.1', 0))
print('listening on %d' % listener.getsockname()[1], flush=True)
while True:
    serve(listener.accept()[0], target)
