#!/usr/bin/env python3
"""Stands between an updater and a depot and misbehaves: depot_proxy.py DEPOT_PORT MODE_FILE prints its own port.

What MODE_FILE says when a request comes: pass; slow (16 KB a second, downwards); hang (accepts and says nothing);
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


def misbehave(client, how):
    if how == 'hang':
        time.sleep(60)
    try:
        client.sendall(ANSWERS.get(how, b''))
        client.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def upwards(client, server):
    """Requests; the mode counts for each, for connections are kept."""
    try:
        while True:
            chunk = client.recv(65536)
            how = mode()
            if not chunk:
                break
            if how not in ('pass', 'slow', 'half'):
                misbehave(client, how)
                break
            server.sendall(chunk)
    except OSError:
        pass
    close(client, server)


def downwards(server, client):
    try:
        while True:
            chunk = server.recv(4096)
            how = mode()
            if not chunk:
                break
            if how == 'slow':
                time.sleep(len(chunk) / 16384)
            if how == 'half':
                client.sendall(chunk[:len(chunk) // 2])
                break
            client.sendall(chunk)
    except OSError:
        pass
    close(client, server)


def close(*ends):
    for end in ends:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(client):
    try:
        server = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
    except OSError:
        client.close()
        return
    threading.Thread(target=upwards, args=(client, server), daemon=True).start()
    downwards(server, client)


listener = socket.create_server(('127.0.0.1', 0))
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
