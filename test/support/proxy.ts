import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach } from 'vitest';

/** A real TCP proxy in front of a server, which a test tells to misbehave. */
export interface Proxy {
  /** The server's URL, through the proxy. */
  readonly url: string;
  /** Cuts the connection at the next packet to the server that contains the text, before or after passing it on. */
  cutAt(text: string, when: 'before' | 'after'): void;
  /** Cuts every connection now and refuses new ones, until `restore`. */
  away(): Promise<void>;
  restore(): Promise<void>;
  /** Passes nothing on, in either direction, until `thaw`: the connections stay up. */
  freeze(): void;
  thaw(): void;
}

const running = new Set<() => Promise<void>>();

afterEach(async () => {
  for (const stop of running) await stop();
  running.clear();
});

export async function proxyTo(target: string): Promise<Proxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let cut: { readonly text: string; readonly when: 'before' | 'after' } | undefined;
  let held: (() => void)[] | undefined;
  const orHold = (pass: () => void) => (held ? held.push(pass) : pass());
  const pass = (client: Socket) => {
    const server = connect(Number(port), hostname);
    const end = () => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', end).on('close', () => {
        sockets.delete(socket);
        end();
      });
    }
    const answer = (data: Buffer) => orHold(() => client.write(data));
    server.on('data', answer);
    client.on('data', (data) => {
      if (held) return held.push(() => server.write(data));
      const due = cut && data.includes(cut.text) ? cut.when : undefined;
      if (due) cut = undefined;
      if (due === 'before') return end();
      server.write(data);
      // The server has it; its answer will find nobody.
      if (due === 'after') {
        server.off('data', answer);
        server.once('data', end).resume();
      }
    });
  };
  let listener = await listen(0, pass);
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const away = async () => {
    if (!listener.listening) return;
    listener.close();
    for (const socket of sockets) socket.destroy();
    await once(listener, 'close');
  };
  running.add(away);
  const url = new URL(target);
  url.port = String(address.port);
  return {
    url: url.href,
    cutAt: (text, when) => {
      cut = { text, when };
    },
    away,
    restore: async () => {
      listener = await listen(address.port, pass);
    },
    freeze: () => {
      held = [];
    },
    thaw: () => {
      const passes = held ?? [];
      held = undefined;
      for (const pass of passes) pass();
    },
  };
}

async function listen(port: number, pass: (client: Socket) => void): Promise<Server> {
  const listener = createServer(pass).listen(port, '127.0.0.1');
  await once(listener, 'listening');
  return listener;
}
