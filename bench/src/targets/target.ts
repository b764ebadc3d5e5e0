import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export type TargetName =
  | 'really'
  | 'really before'
  | 'bare loop, shared frames'
  | 'bare loop, ws.send';

/** A built checkout of another commit, which `really before` is started from. */
export const before = process.env.BENCH_BEFORE;

/** A server in a process of its own that understands `initialize`, `create`, `update`, `subscribe`. */
export interface TargetServer {
  readonly name: TargetName;
  readonly socketUrl: string;
  readonly pid: number;
  stop(): Promise<void>;
}

const secret = 'the-secret-of-the-bench-which-is-long-enough';
const model = `version: 1
fields:
  n: { type: Long, default: 0 }
  text: { type: String }
access: { create: true, read: true, update: true, delete: true }
`;

/** `env`: settings of Really that are not the default ones; `models`: by their folders. */
export async function startTarget(
  name: TargetName,
  env: Readonly<Record<string, string>> = {},
  models: Readonly<Record<string, string>> = { things: model },
): Promise<TargetServer> {
  const dir = mkdtempSync(join(tmpdir(), 'really-bench-'));
  const child = name.startsWith('really')
    ? await spawnReally(dir, name, { env, models })
    : spawnBare(dir, name);
  const exited = once(child, 'exit');
  const url = await printedUrl(child);
  return {
    name,
    socketUrl: `${url.replace(/^http/, 'ws')}/v0.1/socket`,
    pid: child.pid ?? -1,
    async stop() {
      child.kill('SIGTERM');
      await exited;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A token for this uid (RFC 7519, HS256). */
export function benchToken(uid: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const content = `${part({ alg: 'HS256' })}.${part({ uid })}`;
  return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`;
}

const here = fileURLToPath(new URL('../../..', import.meta.url));

/** What is measured is the work, not how much of it somebody may ask for. */
const unbounded = {
  REALLY_RATE_COMMANDS: '0',
  REALLY_RATE_ADDRESS: '0',
  REALLY_RATE_BYTES: '0',
  REALLY_RATE_ADDRESS_BYTES: '0',
  REALLY_RATE_QUERY_TIME: '0',
  REALLY_LIMITS_CONNECTIONS_PER_ADDRESS: '20000',
};

/** Those of the settings that this checkout has: an older one may not have all of them, and refuses what it does not know. */
async function knownTo(checkout: string, env: Readonly<Record<string, string>>) {
  const folder = join(checkout, 'packages/server/dist/app');
  const own = join(folder, 'config/config-keys.js');
  // Where older checkouts have it.
  const file = existsSync(own) ? own : join(folder, 'config-keys.js');
  const { keys, environmentName } = (await import(pathToFileURL(file).href)) as {
    readonly keys: readonly string[];
    readonly environmentName: (key: string) => string;
  };
  const known = new Set(keys.map(environmentName));
  return Object.fromEntries(
    Object.entries(env).filter(([key]) => !key.startsWith('REALLY_') || known.has(key)),
  );
}

async function spawnReally(
  dir: string,
  name: TargetName,
  {
    env,
    models,
  }: {
    readonly env: Readonly<Record<string, string>>;
    readonly models: Readonly<Record<string, string>>;
  },
): Promise<ChildProcess> {
  for (const [folder, text] of Object.entries(models)) {
    mkdirSync(join(dir, 'models', folder), { recursive: true });
    writeFileSync(join(dir, 'models', folder, 'model.yaml'), text);
  }
  const checkout = name === 'really before' && before !== undefined ? before : here;
  const program = join(checkout, 'packages/server/bin/really.js');
  const profile =
    process.env.BENCH_PROFILE === undefined
      ? []
      : ['--cpu-prof', '--cpu-prof-dir', process.env.BENCH_PROFILE];
  return spawn(
    process.execPath,
    [...profile, program, 'start', '--port', '0', '--host', '127.0.0.1'],
    {
      cwd: dir,
      env: {
        ...process.env,
        REALLY_SECRET: secret,
        ...(await knownTo(checkout, { ...unbounded, ...env })),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
}

function spawnBare(dir: string, name: TargetName): ChildProcess {
  const program = fileURLToPath(new URL('bare-server.js', import.meta.url));
  return spawn(process.execPath, [program, join(dir, 'bare.db'), name], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

function printedUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.once('exit', (code) => reject(new Error(`ended with ${code}\n${text}`)));
    child.stdout?.setEncoding('utf8').on('data', (data: string) => {
      if (text.length > 10_000) return;
      text += data;
      const url = /https?:\/\/[\w.:-]+:\d+/.exec(text)?.[0];
      if (url !== undefined) resolve(url);
    });
  });
}
