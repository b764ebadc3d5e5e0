import { createElement, StrictMode } from 'react';
import { flushSync } from 'react-dom';
import { createRoot, type Root } from 'react-dom/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FakeWorld } from '../fake-world.fixture.js';
import type { Really } from '../really.js';
import { emptyElement } from './empty-element.fixture.js';
import { ReallyProvider, useRoom } from './mod.js';

let world: FakeWorld;
let client: Really;
let root: Root;

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

function InRoom({ r, state }: { r: string | null; state?: object | undefined }): null {
  useRoom(r, { state: state as never });
  return null;
}

function show(r: string | null, state?: object): void {
  const room = createElement(InRoom, { r, state });
  const page = createElement(ReallyProvider, { client, linger: 0 }, room);
  flushSync(() => root.render(createElement(StrictMode, null, page)));
}

const joined = () => world.socket.all('join').map(({ r, body }) => [r, body.state]);

test('[RCT6] who has no address at first appears with the state of the render that has one', () => {
  show(null);
  show('/boards/7', { name: 'Amal' });
  expect(joined()).toEqual([['/boards/7', { name: 'Amal' }]]);
});

test('[RCT6] who goes to another room appears there with the state of that render', () => {
  show('/boards/7', { x: 1 });
  show('/boards/7', { x: 2 });
  show('/boards/8', { x: 3 });
  expect(joined()).toEqual([
    ['/boards/7', { x: 1 }],
    ['/boards/8', { x: 3 }],
  ]);
});
