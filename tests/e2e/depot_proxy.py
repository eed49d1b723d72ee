#!/usr/bin/env python3
"""Stands between an updater and a depot and misbehaves: depot_proxy.py DEPOT_PORT MODE_FILE prints its own port.

What MODE_FILE says when a connection comes in: pass; slow (16 KB a second, downwards); hang (accepts and says nothing);
cut (closes at once); half (the answer ends in the middle); 500; html; garbage; redirect; lie (another length than comes).
"""
import socket, sys, threading, time

ANSWERS = {
    '500': b'HTTP/1.1 500 Internal Server Error\r\nContent-Length: 6\r\nConnection: close\r\n\r\nbroken',
    'html': b'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 22\r\nConnection: close\r\n\r\n<h1>Please log in</h1>',
    'garbage': b'\x00\xff\x13SSH-2.0 no HTTP at all\r\n\r\n',
    'redirect': b'HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
    'lie': b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999\r\n\r\n{"answer":"nothing"}',
}


def mode():
    with open(sys.argv[2]) as f:
        return f.read().strip()


def pump(source, sink, how):
    moved = 0
    try:
        while True:
            chunk = source.recv(4096)
            if not chunk:
                break
            if how == 'slow':
                time.sleep(len(chunk) / 16384)
            if how == 'half' and moved + len(chunk) > 200:
                chunk = chunk[:200 - moved]
            sink.sendall(chunk)
            moved += len(chunk)
            if how == 'half' and moved >= 200:
                break
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(client):
    how = mode()
    if how == 'hang':
        time.sleep(60)
    if how in ANSWERS:
        client.settimeout(1)
        try:
            client.recv(65536)
            client.sendall(ANSWERS[how])
        except OSError:
            pass
    if how not in ('pass', 'slow', 'half'):
        client.close()
        return
    try:
        server = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
    except OSError:
        client.close()
        return
    threading.Thread(target=pump, args=(client, server, 'pass'), daemon=True).start()
    pump(server, client, how)
    client.close()
    server.close()


listener = socket.create_server(('127.0.0.1', 0))
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
