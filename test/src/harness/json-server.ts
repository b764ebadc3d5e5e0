import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Documents by path, served on the loopback for one test. */
export interface JsonServer extends AsyncDisposable {
  readonly url: string;
  /** What is answered from now on; a number is a status. */
  readonly documents: Map<string, unknown>;
  /** Paths, in the order in which they were asked for. */
  readonly asked: string[];
}

export async function jsonServer(): Promise<JsonServer> {
  const documents = new Map<string, unknown>();
  const asked: string[] = [];
  const server = createServer(({ url = '' }, response) => {
    asked.push(url);
    const document = documents.get(url) ?? 404;
    response.setHeader('content-type', 'application/json');
    if (typeof document === 'number') response.writeHead(document).end('{}');
    else response.end(JSON.stringify(document));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    documents,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
