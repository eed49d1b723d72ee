#!/usr/bin/env python3
"""A bad packet wire: udp_relay.py TO_PORT SEED LOSS DOUBLE SWAP. Prints its own port; packets between whoever speaks to
it and TO_PORT are lost, doubled and overtaken with these chances, both ways. Prints its counts when it is ended."""
import random, select, signal, socket, sys

to_port, seed = int(sys.argv[1]), int(sys.argv[2])
loss, double, swap = map(float, sys.argv[3:6])
rng = random.Random(seed)
here, there = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
here.bind(('127.0.0.1', 0))
there.connect(('127.0.0.1', to_port))
print(here.getsockname()[1], flush=True)
client, held, count = None, {}, {'passed': 0, 'lost': 0, 'doubled': 0, 'swapped': 0}


def end(*_):
    print(count, flush=True)
    sys.exit(0)


def put(sock, packet):
    if rng.random() < loss:
        count['lost'] += 1
        return
    try:
        sock.send(packet) if sock is there else sock.sendto(packet, client)
    except ConnectionRefusedError:
        pass
    count['passed'] += 1


def pass_on(sock, packet):
    if sock not in held and rng.random() < swap:
        held[sock] = packet  # goes behind the next one
        count['swapped'] += 1
        return
    put(sock, packet)
    if rng.random() < double:
        count['doubled'] += 1
        put(sock, packet)
    if sock in held:
        put(sock, held.pop(sock))


signal.signal(signal.SIGTERM, end)
while True:
    for sock in select.select([here, there], [], [], 0.05)[0]:
        try:
            packet, sender = sock.recvfrom(2000)
        except ConnectionRefusedError:
            continue
        if sock is here:
            client = sender
        pass_on(there if sock is here else here, packet)
