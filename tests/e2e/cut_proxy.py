#!/usr/bin/env python3
"""A PostgreSQL whose connections break: cut_proxy.py LISTEN_SOCKET SERVER_SOCKET BYTES_FILE

Passes bytes both ways; as soon as a connection has carried so many bytes from the client as BYTES_FILE says, it is cut
off in both directions, with what was on its way lost."""
import os, selectors, socket, sys

listen, server, limit = sys.argv[1:]
listener = socket.socket(socket.AF_UNIX)
listener.bind(listen)
os.chmod(listen, 0o777)
listener.listen(16)
sel = selectors.DefaultSelector()
sel.register(listener, selectors.EVENT_READ, None)
print('ready', flush=True)


def close(pair):
    for end in pair['ends']:
        sel.unregister(end)
        end.close()


while True:
    for key, _ in sel.select():
        if key.data is None:
            client = listener.accept()[0]
            upstream = socket.socket(socket.AF_UNIX)
            upstream.connect(server)
            pair = {'ends': (client, upstream), 'left': int(open(limit).read())}
            sel.register(client, selectors.EVENT_READ, (pair, True))
            sel.register(upstream, selectors.EVENT_READ, (pair, False))
            break
        pair, from_client = key.data
        try:
            data = key.fileobj.recv(65536)
            if from_client:
                data = data[:pair['left']]
                pair['left'] -= len(data)
            pair['ends'][from_client].sendall(data)
        except OSError:
            data = b''
        if not data or pair['left'] == 0:
            close(pair)
            break
