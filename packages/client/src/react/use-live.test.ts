import { createElement } from 'react';
import { flushSync } from 'react-dom';
import { createRoot, type Root } from 'react-dom/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FakeWorld } from '../fake-world.fixture.js';
import type { Really } from '../really.js';
import { emptyElement } from './empty-element.fixture.js';
import { ReallyProvider, useObject } from './mod.js';

let world: FakeWorld;
let client: Really;
let root: Root;
/** What was rendered last. */
let shown: unknown;

beforeEach(async () => {
  vi.stubGlobal('window', { HTMLIFrameElement: class {} });
  world = new FakeWorld();
  client = await world.connected();
  root = createRoot(emptyElement());
});
afterEach(async () => {
  flushSync(() => root.unmount());
  // React has work left, which needs the window.
  await world.settle();
  client.close();
  vi.unstubAllGlobals();
});

function One({ r }: { r: string }): null {
  const { status, value } = useObject(r, { keepPrevious: true });
  shown = [status, value?._r];
  return null;
}

async function show(r: string): Promise<void> {
  const page = createElement(ReallyProvider, { client, linger: 0 }, createElement(One, { r }));
  flushSync(() => root.render(page));
  await world.settle();
}

async function answer(r: string): Promise<void> {
  world.socket.answer('subscribe', { body: { subscriptions: [{ r, view: 'v' }] } });
  world.socket.say({ evt: 'snapshot', r, rev: 1, body: { _r: r, _rev: 1 } });
  await world.settle();
}

test('[RCT2] the value of the target before is kept while another one loads', async () => {
  await show('/tasks/1');
  await answer('/tasks/1');
  await show('/tasks/2');
  expect(shown).toEqual(['loading', '/tasks/1']);
  await world.lose();
  expect(shown).toEqual(['loading', '/tasks/1']);
  await answer('/tasks/2');
  expect(shown).toEqual(['live', '/tasks/2']);
});

test('[RCT2] nothing is kept of what another user saw', async () => {
  await show('/tasks/1');
  await answer('/tasks/1');
  await world.lose({ user: { uid: 'beno' } });
  expect(shown).toEqual(['loading', undefined]);
  await answer('/tasks/1');
  await show('/tasks/2');
  expect(shown).toEqual(['loading', '/tasks/1']);
  await world.lose({ user: { uid: 'carl' } });
  expect(shown).toEqual(['loading', undefined]);
});
