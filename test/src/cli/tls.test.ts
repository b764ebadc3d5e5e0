import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { expect, test } from 'vitest';
import { appFolder } from '../harness/app-folder.js';
import { ServerProcess, testSecret } from '../harness/server-process.js';
import { tasks } from './models.js';
import { linesOf, runProgram } from './run-program.js';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

/** Makes a certificate that names `host`, over the one that is there. */
function makeCertificate(dir: string, host: string): void {
  const { status, stderr } = spawnSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'].concat(
      ['-keyout', join(dir, 'key.pem'), '-out', join(dir, 'cert.pem'), '-days', '2'],
      ['-subj', `/CN=${host}`],
    ),
  );
  if (status !== 0) throw new Error(String(stderr));
}

/** Whom the server's certificate names. */
function nameOf(url: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(
      { host: hostname, port: Number(port), rejectUnauthorized: false },
      () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      },
    );
    socket.once('error', reject);
  });
}

test.skipIf(!hasOpenssl)(
  '[CLI7] with a certificate it speaks TLS, and SIGHUP makes it take a new one (needs openssl)',
  async () => {
    await using app = await appFolder({
      ...tasks,
      'really.yaml': 'tls: { cert: cert.pem, key: key.pem }\n',
    });
    makeCertificate(app.dir, 'first.test');
    await using server = await ServerProcess.start({ dir: app.dir });
    expect(server.url).toMatch(/^https:/);
    expect(await nameOf(server.url)).toBe('first.test');
    makeCertificate(app.dir, 'second.test');
    process.kill(server.pid, 'SIGHUP');
    await expect.poll(() => nameOf(server.url)).toBe('second.test');
    expect(await server.stop()).toBe(0);
  },
);

test.skipIf(!hasOpenssl)(
  '[CLI7] what is no certificate stops the start, and on SIGHUP leaves the old one (needs openssl)',
  async () => {
    await using app = await appFolder({
      ...tasks,
      'really.yaml': 'tls: { cert: cert.pem, key: key.pem }\n',
      'cert.pem': 'nonsense',
      'key.pem': 'nonsense',
    });
    const env = { REALLY_SECRET: testSecret };
    const refused = await runProgram(['start', '--port', '0'], { dir: app.dir, env });
    expect(refused.code).toBe(2);
    expect(linesOf(refused.stderr)).toEqual([
      expect.stringContaining('are not a certificate and its key'),
    ]);
    expect(refused.stdout).not.toContain('unhandled rejection');
    makeCertificate(app.dir, 'first.test');
    await using server = await ServerProcess.start({ dir: app.dir });
    await app.write({ 'cert.pem': 'nonsense' });
    process.kill(server.pid, 'SIGHUP');
    await expect.poll(() => server.output.stdout).toContain('the old ones stay');
    expect(await nameOf(server.url)).toBe('first.test');
  },
);
