import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { applyDelta, type Delta, type JsonObject } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import { root } from '../../conventions/sources.js';
import { Client, type ServerMessage } from '../../harness/client.js';
import { testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { wireServer } from '../wire-server.js';

const textOf = (page: string) => readFileSync(join(root, 'docs', page), 'utf8');
const blocks = (page: string, language: string): string[] =>
  [...textOf(page).matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(
    ([, text = '']) => text,
  );
const [model = ''] = blocks('live-queries.md', 'yaml');
const server = wireServer({}, { 'models/tasks/model.yaml': model });

/** What is another value each time: the page's stands for that of the test. */
const varying = ['pos', 'since', 'view', 'connection-handle', 'accessToken'];

/** Plays the example of a page: one client sends, and receives, each line in order. */
class Play {
  readonly received: ServerMessage[] = [];
  readonly #clients = new Map<string, Client>();
  readonly #values = new Map<string, unknown>();
  readonly #initializes: boolean;

  constructor(initializes: boolean) {
    this.#initializes = initializes;
  }

  async line(text: string): Promise<void> {
    const dropped = /^-- (\w+) drops$/.exec(text)?.[1];
    if (dropped) return await this.#drop(dropped);
    const [, name = '', sign, json = ''] = /^(\w+) ([<>]) (.*)$/.exec(text) ?? [];
    const message = JSON.parse(json) as JsonObject;
    const client = this.#clients.get(name) ?? (await this.#open(name));
    if (sign === '>') {
      client.send(this.#filled(message, name));
      // Nobody shows the answers to Beno: they are waited for.
      if (name === 'beno') await client.nextPush();
    } else if (name !== 'beno') {
      const received = await client.nextPush();
      this.#learn(message, received as JsonObject);
      expect(received, text).toMatchObject(this.#filled(message, name));
      this.received.push(received);
    }
  }

  close(): void {
    for (const client of this.#clients.values()) client.socket.terminate();
  }

  async #open(name: string): Promise<Client> {
    const shown = this.#initializes && name === 'amal';
    const client = shown
      ? await Client.open(server.socketUrl)
      : await Client.connect(server.socketUrl, this.#token(name));
    this.#clients.set(name, client);
    return client;
  }

  async #drop(name: string): Promise<void> {
    const client = this.#clients.get(name);
    expect(client?.pushes).toEqual([]);
    client?.socket.terminate();
    await client?.closed;
    this.#clients.delete(name);
  }

  #token(uid: string): string {
    return signToken({ uid }, testSecret);
  }

  #learn(shown: JsonObject, received: JsonObject): void {
    for (const [key, value] of Object.entries(shown)) {
      const actual = received[key];
      if (varying.includes(key)) this.#values.set(String(value), actual);
      else if (isObject(value) && isObject(actual)) this.#learn(value, actual);
      else if (Array.isArray(value) && Array.isArray(actual)) {
        for (const [index, one] of value.entries()) {
          const other = actual[index];
          if (isObject(one) && isObject(other)) this.#learn(one, other);
        }
      }
    }
  }

  #filled(message: JsonObject, name: string): JsonObject {
    const entries = Object.entries(message).map(([key, value]) => {
      if (key === 'accessToken') return [key, this.#token(name)];
      if (varying.includes(key)) return [key, this.#values.get(String(value))];
      if (Array.isArray(value)) {
        return [key, value.map((one) => (isObject(one) ? this.#filled(one, name) : one))];
      }
      return [key, isObject(value) ? this.#filled(value, name) : value];
    });
    return Object.fromEntries(entries) as JsonObject;
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

describe('the examples of the pages work', () => {
  test.each([
    ['live-queries.md', false],
    ['resume.md', true],
  ])('[QRY1] [QRY5] [QRY7] [RES1] [RES2] [RES4] docs/%s', async (page, initializes) => {
    const play = new Play(initializes);
    for (const block of blocks(page, 'text')) {
      for (const line of block.trim().split('\n')) await play.line(line);
    }
    expect(play.received.length).toBeGreaterThan(5);
    play.close();
  });

  test('[QRY5] docs/live-queries.md: the window kept by its code is the result of the read', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'really-docs-'));
    const file = join(dir, 'keep.mjs');
    writeFileSync(file, blocks('live-queries.md', 'js')[0] ?? '');
    const { keep } = (await import(pathToFileURL(file).href)) as {
      keep: (window: Map<string, JsonObject>, push: ServerMessage, apply: typeof delta) => void;
    };
    rmSync(dir, { recursive: true });
    using amal = await server.as('amal');
    using beno = await server.as('beno');
    const query = { query: { filter: 'done = false and rank >= 100' }, sort: 'rank', limit: 3 };
    const read = async (more: JsonObject) => {
      const answer = await amal.request({
        cmd: 'read',
        r: '/tasks',
        cmdOpts: { ...query, ...more },
      });
      return answer.body.items.map(({ body }: { body: JsonObject }) => body) as JsonObject[];
    };
    const items = await read({ subscribe: true });
    const window = new Map(items.map((body) => [String(body._r), body]));
    for (let n = 0; n < 12; n++) {
      const r = `/tasks/k${n % 5}`;
      const ops = [
        { op: 'set', key: n % 3 ? 'rank' : 'done', value: n % 3 ? 200 - n : n % 2 === 1 },
      ];
      await beno.request({ cmd: 'create', r, body: { title: 't', rank: 100 + n } });
      const { body } = await beno.request({ cmd: 'get', r });
      await beno.request({ cmd: 'update', r, rev: body._rev, body: { ops } });
    }
    await expect
      .poll(async () => {
        for (const push of amal.pushes.splice(0)) keep(window, push, delta);
        const sorted = [...window.values()].sort((a, b) => Number(a.rank) - Number(b.rank));
        return JSON.stringify(sorted) === JSON.stringify(await read({}));
      })
      .toBe(true);
    expect(window.size).toBe(3);
  });
});

const delta = (object: JsonObject, body: Delta) => applyDelta(object, body);
