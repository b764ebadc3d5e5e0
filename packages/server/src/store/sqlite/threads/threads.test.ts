import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { silentLog } from '../../../platform/log.js';
import { simulatedPlatform } from '../../../platform/simulated.js';
import { layout } from '../../contract/sample-writes.js';
import { OutcomeUnknown, StoreUnavailable } from '../../store-errors.js';
import { defaultSqliteConfig } from '../config.js';
import { Scratch } from '../scratch.fixture.js';
import { DatabaseThread } from './database-thread.js';
import { ReaderPool } from './reader-pool.js';
import { WriterClient } from './writer-client.js';

const scratch = Scratch.each();

/** A thread that replies with all requests so far, and dies of a ping. */
const mortal = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads';
    const asked = [];
    parentPort.on('message', (request) => {
      if (request.kind === 'ping') process.exit(1);
      asked.push(request.kind);
      const opened = { upgrades: [], epoch: { id: 'e', secret: 's', isFirst: true } };
      parentPort.postMessage({ value: request.kind === 'open' ? opened : [...asked] });
    });`)}`,
);

describe('a thread', () => {
  test('answers in the order of the requests', async () => {
    const thread = new DatabaseThread<{ kind: string }>({ module: mortal });
    scratch.defer(() => thread.end());
    const answers = ['a', 'b', 'c'].map((kind) => thread.request({ kind }));
    expect(await Promise.all(answers)).toEqual([['a'], ['a', 'b'], ['a', 'b', 'c']]);
  });

  test('rejects a request that cannot be sent, and replies to the others correctly', async () => {
    const thread = new DatabaseThread<{ kind: string; value?: unknown }>({ module: mortal });
    scratch.defer(() => thread.end());
    const deep: unknown = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`);
    const answers = [
      thread.request({ kind: 'a' }),
      thread.request({ kind: 'b', value: deep }),
      thread.request({ kind: 'c' }),
    ];
    expect(await Promise.allSettled(answers)).toMatchObject([
      { value: ['a'] },
      { reason: expect.any(RangeError) },
      { value: ['a', 'c'] },
    ]);
  });

  test('that is ended while it starts has loaded its modules by then', async () => {
    const loaded = new Int32Array(new SharedArrayBuffer(4));
    const module = new URL(
      `data:text/javascript,${encodeURIComponent(`
        import { parentPort, workerData } from 'node:worker_threads';
        Atomics.store(workerData, 0, 1);
        parentPort.on('message', () => {});
        parentPort.postMessage({ started: true });`)}`,
    );
    await new DatabaseThread({ module, data: loaded }).end();
    expect(loaded[0]).toBe(1);
  });

  test('answers no request once it has died', async () => {
    let deaths = 0;
    const onDeath = () => {
      deaths += 1;
    };
    const thread = new DatabaseThread<{ kind: string }>({ module: mortal, onDeath });
    const waiting = ['ping', 'a', 'b'].map((kind) => thread.request({ kind }));
    for (const result of await Promise.allSettled(waiting)) {
      // It may have done what it was asked for.
      expect(result).toMatchObject({ reason: expect.any(OutcomeUnknown) });
    }
    expect(deaths).toBe(1);
    const refused = await thread.request({ kind: 'c' }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StoreUnavailable);
    expect(refused).not.toBeInstanceOf(OutcomeUnknown);
  });

  test('keeps the process alive until it has ended, also when a reply arrives meanwhile', async () => {
    // The reply is on its way when the thread is ended, and nothing else keeps this process alive.
    const script = `
      import { DatabaseThread } from ${JSON.stringify(new URL('./database-thread.js', import.meta.url))};
      const thread = new DatabaseThread({ module: new URL(${JSON.stringify(mortal.href)}) });
      await thread.request({ kind: 'a' });
      void thread.request({ kind: 'b' });
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
      await thread.end();
      console.log('ended');`;
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script]);
    expect(stdout).toBe('ended\n');
  });
});

test('a writer that dies is restarted, and knows the prepared layouts', async () => {
  const platform = simulatedPlatform({ seed: 1 });
  const config = { ...defaultSqliteConfig, file: scratch.file() };
  const writer = await WriterClient.open(config, platform, silentLog, { module: mortal });
  scratch.defer(() => writer.close());
  await writer.ask({ kind: 'prepare', layouts: [layout('users')] });
  await expect(writer.ask({ kind: 'ping' })).rejects.toThrow(StoreUnavailable);
  const ask = () => writer.ask({ kind: 'restart-log' });
  await expect(ask()).rejects.toThrow(StoreUnavailable);
  while (platform.pending === 0) await new Promise((resolve) => setImmediate(resolve));
  platform.advance(100);
  let answer: unknown;
  while (answer === undefined) {
    await new Promise((resolve) => setImmediate(resolve));
    answer = await ask().catch(() => undefined);
  }
  expect(answer).toEqual(['open', 'prepare', 'restart-log']);
});

/** A reader that takes 7 ms for a read of changes, and dies of any other. */
const mortalReader = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort, workerData } from 'node:worker_threads';
    parentPort.on('message', (request) => {
      if (request.kind !== 'changes') process.exit(1);
      Atomics.store(workerData.spent, 0, 7000);
      parentPort.postMessage({ value: '{}' });
    });`)}`,
);

test('[LIM46] a reader that dies charges the time until then to whom it read for, and nothing of others', async () => {
  const platform = simulatedPlatform({ seed: 1 });
  const pool = new ReaderPool('', 1, platform, mortalReader);
  scratch.defer(() => pool.close());
  const spent: [string, number][] = [];
  const requesterOf = (owner: string) => {
    return { owner, waited: 0, spend: (time: number) => void spent.push([owner, time]) };
  };
  const scope = { names: ['users'], parents: [] };
  const changes = { kind: 'changes', scope, after: 0, limit: 1 } as const;
  await pool.request(changes, { timeout: 1000, requester: requesterOf('lives') });
  const fatal = { ...changes, kind: 'created' } as const;
  const dying = pool.request(fatal, { timeout: 1000, requester: requesterOf('dies') });
  platform.advance(40);
  await expect(dying).rejects.toThrow(StoreUnavailable);
  expect(spent).toEqual([
    ['lives', 7],
    ['dies', 40],
  ]);
});
