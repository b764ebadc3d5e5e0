import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename } from 'node:path';
import type { Packed } from './pack.js';

/** The part of a registry of npm that `npm install` asks for packages of one scope. */
export interface PackageRegistry extends AsyncDisposable {
  readonly url: string;
}

/** Serves packed packages on the loopback, as if they were published. */
export async function packageRegistry(packages: readonly Packed[]): Promise<PackageRegistry> {
  // npm keeps what it was answered by address, so no two registries may have the same.
  const path = `/${randomUUID()}/`;
  const answers = new Map<string, Buffer>();
  const server = createServer(({ url = '' }, response) => {
    const answer = answers.get(decodeURIComponent(url));
    response.setHeader('cache-control', 'no-store');
    response.writeHead(answer ? 200 : 404).end(answer ?? '{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}${path}`;
  for (const { manifest, tarball, integrity } of packages) {
    const { name, version } = manifest;
    const file = basename(tarball);
    const dist = { tarball: `${url}${file}`, integrity };
    const versions = { [version]: { ...manifest, dist } };
    const document = { name, 'dist-tags': { latest: version }, versions };
    answers.set(`${path}${name}`, Buffer.from(JSON.stringify(document)));
    answers.set(`${path}${file}`, await readFile(tarball));
  }
  return {
    url,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
