import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { clientEntries, importProblems } from './imports.js';
import { isForTests, root, sourcesBelow } from './sources.js';

test('imports go down the layers, and only app/ knows the adapters', () => {
  const files = sourcesBelow('packages/protocol/src', 'packages/client/src', 'packages/server/src');
  expect(files.length).toBeGreaterThan(50);
  expect(importProblems(files)).toEqual([]);
});

test('every folder of the server is a layer', () => {
  const folders = readdirSync(join(root, 'packages/server/src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
  // A folder without a place in the list would count as app/ and might import everything.
  const file = (folder: string) => ({
    path: `packages/server/src/${folder}/x.ts`,
    text: "import { y } from '../cli/y.js';",
  });
  for (const folder of folders.filter((name) => name !== 'cli')) {
    expect(importProblems([file(folder)]), folder).toHaveLength(1);
  }
  const below = { path: 'packages/server/src/platform/x.ts', text: '' };
  for (const folder of folders.filter((name) => name !== 'platform')) {
    const text = `import { y } from '../${folder}/y.js';`;
    expect(importProblems([{ ...below, text }]), folder).toHaveLength(1);
  }
});

test.each([
  ['live/live.ts', "import { x } from '../commands/x.js';"],
  ['live/live.ts', "import type { X } from '../gateway/x.js';"],
  ['store/store.ts', "export * from '../bus/bus.js';"],
  ['model/view.ts', "const { x } = await import('../objects/x.js');"],
  ['objects/objects.ts', "import { openMemoryStore } from '../store/memory/store.js';"],
  ['store/sqlite/store.ts', "import { rows } from '../memory/rows.js';"],
  ['cli/serve.ts', "import { systemPlatform } from '../platform/system.js';"],
  ['gateway/gateway.ts', "import { localBus } from '../bus/local/bus.js';"],
  ['model/load-models.ts', "new Worker(new URL('./sandbox/quickjs/worker.js', import.meta.url));"],
  ['gateway/gateway.ts', "import { parseR } from '../../../protocol/src/r.js';"],
  ['gateway/gateway.ts', "import { Client } from '@really/client';"],
  ['live/live.ts', "import { bus } from './lossy-bus.fixture.js';"],
  ['live/live.ts', "const a = '/users/*';\nimport { x } from '../commands/x.js';\n/** All. */"],
])('an import that goes up or around is found: %s: %s', (path, text) => {
  expect(importProblems([{ path: `packages/server/src/${path}`, text }])).toHaveLength(1);
});

test.each([
  "import { readFileSync } from 'node:fs';",
  "import { Live } from '@really/server';",
  "import { live } from '../../server/src/live/live.js';",
])('the protocol imports nothing: %s', (text) => {
  expect(importProblems([{ path: 'packages/protocol/src/r.ts', text }])).toHaveLength(1);
});

test.each([
  ['really.ts', "import { readFileSync } from 'node:fs';"],
  ['really.ts', "import { parseR } from '@really/protocol';"],
  ['really.ts', "import { live } from '../../server/src/live/live.js';"],
  ['really.ts', "import { FakeWorld } from './fake-world.fixture.js';"],
  ['really.ts', "import { useState } from 'react';"],
  ['really.ts', "import { useObject } from './react/mod.js';"],
  ['query/mod.ts', "import { useObject } from '../react/mod.js';"],
  ['really.ts', "import { offline } from './offline/mod.js';"],
  ['writes/write-queue.ts', "import '../room/mod.js';"],
  ['really.ts', "import './live/mod.js';"],
  ['live-copies.ts', "await import('./live/mod.js');"],
  ['offline/mod.ts', "import { Room } from '../room/room.js';"],
  ['room/room.ts', "import { really } from '../browser.js';"],
])('the client imports the light part of the protocol and nothing else: %s: %s', (path, text) => {
  expect(importProblems([{ path: `packages/client/src/${path}`, text }])).toHaveLength(1);
});

test('every entry of the client is known, and may import what stands below it', () => {
  const text = readFileSync(join(root, 'packages/client/package.json'), 'utf8');
  const { exports }: { exports: Record<string, unknown> } = JSON.parse(text);
  const entries = Object.keys(exports).filter((name) => name !== '.');
  expect(Object.keys(clientEntries).sort()).toEqual(entries.map((name) => name.slice(2)).sort());
  const react = { path: 'packages/client/src/react/x.ts', text: "import '../room/mod.js';" };
  const core = {
    path: 'packages/client/src/load-live.ts',
    text: "await import('./live/mod.js');",
  };
  expect(importProblems([react, core])).toEqual([]);
});

test.each([
  ['gateway/gateway.ts', "import { parseR } from '@really/protocol'; import ws from 'ws';"],
  ['app/server.ts', "import { openMemoryStore } from '../store/memory/store.js';"],
  ['live/live.test.ts', "import { openMemoryStore } from '../store/memory/store.js';"],
  ['store/sqlite/store.ts', "import { rows } from './rows.js';"],
  ['live/live.ts', "// import { x } from '../commands/x.js';"],
])('an import that goes down is fine: %s: %s', (path, text) => {
  expect(importProblems([{ path: `packages/server/src/${path}`, text }])).toEqual([]);
});

test('every thread of the server begins bare', () => {
  const starting = sourcesBelow('packages/server/src')
    .filter(({ path, text }) => !isForTests(path) && /\bnew Worker\(/.test(text))
    .map(({ path }) => path);
  expect(starting).toEqual(['packages/server/src/platform/bare-worker.ts']);
});
