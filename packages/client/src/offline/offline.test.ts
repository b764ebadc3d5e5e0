import { describe, expect, test } from 'vitest';
import { FakeWorld } from '../fake-world.fixture.js';
import '../live/mod.js';
import type { Really } from '../really.js';
import { ReallyError } from '../really-error.js';
import { offline } from './offline.js';
import type { OfflinePlatform, PageMessage, WriteStorage } from './offline-platform.js';
import type { WriteRecord } from './write-record.js';

/** The storage, the locks and the channels that the pages of one device share. */
class FakeDevice {
  readonly writes: { owner: string; record: WriteRecord }[] = [];
  readonly #uids = new Map<string, string>();
  readonly #locks = new Map<string, { granted: () => void }[]>();
  readonly #pages = new Set<(message: PageMessage) => void>();
  /** Messages between pages are lost: they are frozen. */
  isFrozen = false;
  /** The steps of the storage that fail. */
  readonly broken = new Set<keyof WriteStorage>();
  /** What a step of the storage waits for, by its name. */
  readonly holds = new Map<keyof WriteStorage, Promise<void>>();

  readonly #storage: WriteStorage = {
    lastUid: async (app) => this.#uids.get(app),
    setLastUid: async (app, uid) => {
      this.#uids.set(app, uid);
    },
    load: async (app, uid) => {
      const found = this.writes.filter(({ owner }) => owner === `${app} ${uid}`);
      const records = structuredClone(found.map(({ record }) => record));
      await this.holds.get('load');
      return records;
    },
    add: async (app, uid, record) => {
      this.#check('add');
      this.writes.push(structuredClone({ owner: `${app} ${uid}`, record }));
    },
    put: async (record) => {
      this.#check('put');
      const stored = this.writes.find((one) => one.record.id === record.id);
      if (stored) stored.record = structuredClone(record);
      return stored !== undefined;
    },
    remove: async (id, onlyUnsent) => {
      await this.holds.get('remove');
      const at = this.writes.findIndex(
        ({ record }) => record.id === id && !(onlyUnsent && record.sentAt !== undefined),
      );
      if (at >= 0) this.writes.splice(at, 1);
      return at >= 0;
    },
  };

  /** Lets a step of the storage wait. Returns what lets it go on. */
  hold(step: keyof WriteStorage): () => void {
    let goOn = () => {};
    this.holds.set(step, new Promise((resolve) => (goOn = resolve)));
    return () => {
      this.holds.delete(step);
      goOn();
    };
  }

  page(): OfflinePlatform {
    return {
      storage: this.#storage,
      lock: (name, granted) => this.#lock(name, { granted }),
      join: (_name, listen) => {
        this.#pages.add(listen);
        return {
          post: (message) => {
            if (!this.#pages.has(listen)) throw new DOMException('', 'InvalidStateError');
            if (this.isFrozen) return;
            const others = [...this.#pages].filter((other) => other !== listen);
            for (const other of others) other(structuredClone(message));
          },
          close: () => this.#pages.delete(listen),
        };
      },
    };
  }

  #check(step: keyof WriteStorage): void {
    if (this.broken.has(step)) throw new DOMException('', 'QuotaExceededError');
  }

  #lock(name: string, waiter: { granted: () => void }): () => void {
    const queue = this.#locks.get(name) ?? [];
    this.#locks.set(name, queue);
    queue.push(waiter);
    const grant = () => queueMicrotask(() => queue[0]?.granted());
    if (queue.length === 1) grant();
    return () => {
      const isHolder = queue[0] === waiter;
      queue.splice(queue.indexOf(waiter), 1);
      if (isHolder) grant();
    };
  }
}

interface Page {
  readonly world: FakeWorld;
  readonly client: Really;
}

function openPage(device: FakeDevice): Page {
  const world = new FakeWorld();
  world.seedIds();
  const client = world.client({ offline: offline({ app: 'board', platform: device.page() }) });
  return { world, client };
}

async function connectedPage(device: FakeDevice, uid = 'amal'): Promise<Page> {
  const page = openPage(device);
  await page.world.reconnect({ user: { uid } });
  return page;
}

const r = '/a/1';
const count = ({ client }: Page) => client.object(r).update((u) => u.addNumber('n', 1));
const pending = ({ client }: Page) => client.connection.getSnapshot().pendingWrites;
const updates = ({ world }: Page) => world.sockets.flatMap((socket) => socket.all('update'));

describe('one page', () => {
  test('[TSC8] a write is kept before it is sent, and forgotten when it is answered', async () => {
    const device = new FakeDevice();
    const page = await connectedPage(device);
    const write = count(page);
    await write.queued;
    expect(device.writes).toMatchObject([{ owner: 'board amal', record: { id: write.id } }]);
    await page.world.settle();
    expect(updates(page)).toHaveLength(1);
    // That it is sent was kept first.
    expect(device.writes[0]?.record.sentAt).toBe(page.world.wall);
    page.world.socket.answer('update', { r, rev: 2 });
    expect(await write).toEqual({ r, rev: 2 });
    await page.world.settle();
    expect(device.writes).toEqual([]);
    page.client.close();
  });

  test('[TSC8] [TSC2] after a reload it is there, drawn, and sent as it was, under its id', async () => {
    const device = new FakeDevice();
    const first = await connectedPage(device);
    const write = count(first);
    await first.world.settle();
    const [sent] = updates(first);
    void count(first);
    await first.world.settle();
    first.client.close();
    await expect(write).rejects.toThrow('connection.closed');

    const second = openPage(device);
    await second.world.settle();
    // Without a connection, by the last user of the device.
    expect(pending(second)).toBe(2);
    const live = second.client.live(second.client.object(r));
    await second.world.reconnect();
    expect(updates(second)).toMatchObject([
      { body: sent?.body, rev: sent?.rev, cmdOpts: { once: write.id } },
    ]);
    second.world.socket.answer('subscribe', { body: { subscriptions: [{ r, view: 'v' }] } });
    second.world.socket.say({
      evt: 'snapshot',
      r,
      rev: 2,
      meta: {},
      body: { _r: r, _rev: 2, n: 1 },
    });
    // Perhaps it is in that: it waits for the answer.
    expect(live.value).toBeUndefined();
    second.world.socket.answer('update', { r, rev: 2, meta: { repeated: true } });
    await second.world.settle();
    expect(live.value).toMatchObject({ n: 2 });
    expect(updates(second)).toHaveLength(2);
    second.world.socket.answer('update', { r, rev: 3 });
    await second.world.settle();
    expect([pending(second), device.writes]).toEqual([0, []]);
    second.client.close();
  });

  test('[TSC8] [TSC2] what a page sent longer ago than ids are remembered is uncertain after a reload', async () => {
    const device = new FakeDevice();
    const first = await connectedPage(device);
    void count(first);
    await first.world.settle();
    first.client.close();
    const second = openPage(device);
    second.world.wall += 3_600_000;
    const refused: string[] = [];
    second.client.on('write-refused', ({ write }) => refused.push(write.state));
    await second.world.reconnect();
    await second.world.settle();
    expect([updates(second), refused, device.writes]).toEqual([[], ['uncertain'], []]);
    second.client.close();
  });

  test('[TSC8] [TSC9] without a user nothing is kept: queued ends with the write', async () => {
    const page = openPage(new FakeDevice());
    const taken = new AbortController();
    const { signal } = taken;
    const early = page.client.object(r).update((u) => u.addNumber('n', 1), { signal });
    const other = count(page);
    await page.world.settle();
    taken.abort();
    await expect(early.queued).rejects.toMatchObject({ code: 0, message: 'not.kept', r });
    await page.world.settle();
    expect([early.state, other.state]).toEqual(['refused', 'queued']);
    page.client.close();
    await expect(other.queued).rejects.toBeInstanceOf(ReallyError);
  });

  test('[TSC8] a write just before close() is kept, and other pages hear of it', async () => {
    const device = new FakeDevice();
    const first = await connectedPage(device);
    const second = await connectedPage(device);
    const { queued } = count(second);
    second.client.close();
    await queued;
    await first.world.settle();
    expect(updates(first)).toHaveLength(1);
    first.client.close();
  });

  test('[TSC8] a write that a listener takes back as soon as it is drawn is not kept', async () => {
    const device = new FakeDevice();
    const page = await connectedPage(device);
    const live = page.client.live(page.client.object(r));
    const taken = new AbortController();
    live.subscribe((_, { kind }) => {
      if (kind === 'local') taken.abort();
    });
    const { signal } = taken;
    const write = page.client.object(r).update((u) => u.addNumber('n', 1), { signal });
    await expect(write).rejects.toThrow('aborted');
    await page.world.settle();
    expect([updates(page), pending(page), device.writes]).toEqual([[], 0, []]);
    page.client.close();
  });

  test('[TSC8] a write is kept before a listener that sees it can have it sent', async () => {
    const device = new FakeDevice();
    const page = await connectedPage(device);
    const stop = page.client.connection.subscribe(() => {
      stop();
      void page.client.object('/a/2').update((u) => u.addNumber('n', 1), { queue: false });
    });
    const write = count(page);
    expect(updates(page).map(({ r }) => r)).toEqual(['/a/2']);
    await page.world.settle();
    expect(updates(page).at(-1)?.cmdOpts.once).toBe(write.id);
    page.client.close();
  });

  test('[TSC8] [TSC2] a write is not sent before the storage has noted that it is', async () => {
    const device = new FakeDevice();
    const page = await connectedPage(device);
    device.broken.add('put');
    const write = count(page);
    await write.queued;
    await page.world.pass(3_000);
    expect([updates(page), write.state]).toEqual([[], 'queued']);
    device.broken.clear();
    await page.world.pass(2_000);
    expect(updates(page)).toHaveLength(1);
    expect(device.writes[0]?.record.sentAt).toBeDefined();
    page.world.socket.answer('update', { r, rev: 2 });
    expect(await write).toEqual({ r, rev: 2 });
    page.client.close();
  });

  test('[TSC8] a write with queue: false is not kept, and sent at once', async () => {
    const device = new FakeDevice();
    const page = await connectedPage(device);
    void page.client.object(r).update((u) => u.addNumber('n', 1), { queue: false });
    expect(updates(page)).toHaveLength(1);
    await page.world.settle();
    expect(device.writes).toEqual([]);
    page.client.close();
  });

  test('[TSC8] [TSC1] a write that was taken back before its user was known is not kept', async () => {
    const device = new FakeDevice();
    const page = openPage(device);
    const taken = new AbortController();
    const { signal } = taken;
    const write = page.client.object(r).update((u) => u.addNumber('n', 1), { signal });
    const other = count(page);
    await page.world.settle();
    taken.abort();
    await expect(write).rejects.toThrow('aborted');
    await page.world.reconnect();
    await page.world.settle();
    expect(updates(page)).toMatchObject([{ cmdOpts: { once: other.id } }]);
    expect(device.writes).toMatchObject([{ record: { id: other.id } }]);
    page.client.close();
  });

  test('[TSC8] [TSC1] a write that is taken back while it is being stored is not told to other pages', async () => {
    const device = new FakeDevice();
    const first = await connectedPage(device);
    const second = await connectedPage(device);
    const taken = new AbortController();
    const { signal } = taken;
    const write = second.client.object(r).update((u) => u.addNumber('n', 1), { signal });
    taken.abort();
    await expect(write).rejects.toThrow('aborted');
    await first.world.settle();
    expect([updates(first), pending(first), device.writes]).toEqual([[], 0, []]);
    first.client.close();
    second.client.close();
  });
});

describe('another user', () => {
  test('[TSC8] never sends what is kept; its own user does, later', async () => {
    const device = new FakeDevice();
    const amal = await connectedPage(device);
    amal.world.socket.drop();
    const write = count(amal);
    await write.queued;
    amal.client.close();

    const beno = openPage(device);
    await beno.world.settle();
    await beno.world.reconnect({ user: { uid: 'beno' } });
    await beno.world.settle();
    expect([updates(beno), pending(beno), device.writes.length]).toEqual([[], 0, 1]);
    const own = count(beno);
    await beno.world.settle();
    beno.world.socket.answer('update', { r, rev: 2 });
    await own;
    beno.client.close();

    const again = await connectedPage(device);
    await again.world.settle();
    expect(updates(again)).toMatchObject([{ cmdOpts: { once: write.id } }]);
    again.client.close();
  });

  test('[TSC8] in the same page: its handle ends, and what is kept waits for its user', async () => {
    const device = new FakeDevice();
    const page = await connectedPage(device);
    page.world.socket.drop();
    const write = count(page);
    await write.queued;
    await page.world.pass(400);
    await page.world.reconnect({ user: { uid: 'beno' } });
    await expect(write).rejects.toThrow('user.changed');
    await page.world.settle();
    expect([updates(page), device.writes.length]).toEqual([[], 1]);
    await page.world.lose({ user: { uid: 'amal' } });
    await page.world.settle();
    expect(updates(page)).toMatchObject([{ cmdOpts: { once: write.id } }]);
    page.client.close();
  });

  test('[TSC8] does not send what was written before the first session, either', async () => {
    const device = new FakeDevice();
    (await connectedPage(device)).client.close();
    const page = openPage(device);
    const write = count(page);
    await write.queued;
    expect(device.writes).toMatchObject([{ owner: 'board amal' }]);
    await page.world.reconnect({ user: { uid: 'beno' } });
    await page.world.settle();
    expect([updates(page), write.state, device.writes.length]).toEqual([[], 'refused', 1]);
    await expect(write).rejects.toThrow('user.changed');
    page.client.close();
  });
});

/** A page that opens while the writes of an earlier one are not loaded yet. */
async function reloadedPage(device: FakeDevice, write: (first: Page) => void): Promise<Page> {
  const first = await connectedPage(device);
  first.world.socket.drop();
  write(first);
  await first.world.settle();
  first.client.close();
  const second = openPage(device);
  second.world.wall = first.world.wall + 1_000;
  return second;
}

const setTitle = ({ client }: Page, title: string) =>
  client.object(r).update((u) => u.set('title', title));

describe('what is loaded late', () => {
  test('[TSC8] an older write is drawn under those of the page, and sent before them', async () => {
    const device = new FakeDevice();
    const page = await reloadedPage(device, (first) => void setTitle(first, 'A'));
    const live = page.client.live(page.client.object(r));
    const write = setTitle(page, 'B');
    await page.world.settle();
    expect(page.client.writes.at(-1)).toBe(write);
    await page.world.reconnect();
    const { socket } = page.world;
    socket.answer('subscribe', { body: { subscriptions: [{ r, view: 'v' }] } });
    socket.say({ evt: 'snapshot', r, rev: 4, meta: {}, body: { _r: r, _rev: 4, title: '' } });
    await page.world.settle();
    socket.answer('get', { r, body: { _r: r, _rev: 4 } });
    await page.world.settle();
    expect(updates(page)).toMatchObject([{ rev: 4, body: { ops: [{ value: 'A' }] } }]);
    socket.answer('update', { r, rev: 5 });
    await page.world.settle();
    expect(live.value).toMatchObject({ title: 'B' });
    expect(updates(page)[1]).toMatchObject({ rev: 5, body: { ops: [{ value: 'B' }] } });
    socket.answer('update', { r, rev: 6 });
    await write;
    await page.world.settle();
    expect([live.value?.title, pending(page), device.writes]).toEqual(['B', 0, []]);
    page.client.close();
  });

  test('[TSC8] [TSC3] the create of an object is sent before an update that needs it', async () => {
    const device = new FakeDevice();
    const page = await reloadedPage(device, ({ client }) => {
      void client.collection('/a').create({ title: 'A' }, { id: '1' });
      void client.object('/a/2').update((u) => u.set('title', 'C'));
    });
    void count(page);
    await page.world.reconnect();
    await page.world.settle();
    expect(page.client.writes.map(({ commands }) => commands[0]?.cmd)).toEqual([
      'create',
      'update',
      'update',
    ]);
    expect(updates(page)).toEqual([]);
    page.world.socket.answer('create', { r, body: { _r: r, _rev: 1, title: 'A' } });
    await page.world.settle();
    expect(updates(page)).toMatchObject([{ r, rev: 1 }]);
    page.client.close();
  });

  test('[TSC8] what was sent stays before it', async () => {
    const device = new FakeDevice();
    const page = await connectedPage(device);
    const other = await connectedPage(device);
    other.world.wall -= 1_000;
    const sent = page.client.object(r).update((u) => u.addNumber('n', 1), { queue: false });
    const { id } = count(other);
    await page.world.settle();
    expect(updates(page)).toMatchObject([{ cmdOpts: { once: sent.id } }]);
    expect(page.client.writes.map((write) => write.id)).toEqual([sent.id, id]);
    page.world.socket.answer('update', { r, rev: 2 });
    await page.world.settle();
    expect(updates(page)[1]).toMatchObject({ rev: 2, cmdOpts: { once: id } });
    page.client.close();
    other.client.close();
  });

  test('[TSC8] what the device had in order stays in it, whatever its clock said', async () => {
    const device = new FakeDevice();
    const page = await reloadedPage(device, (first) => {
      void setTitle(first, 'A');
      // The clock is set back.
      first.world.wall -= 60_000;
      void setTitle(first, 'B');
      first.world.wall += 60_000;
    });
    const write = setTitle(page, 'C');
    await page.world.settle();
    const values = page.client.writes.map(({ commands: [command] }) =>
      command?.cmd === 'update' ? command.ops[0]?.value : undefined,
    );
    expect([values, page.client.writes.at(-1)]).toEqual([['A', 'B', 'C'], write]);
    page.client.close();
  });
});

describe('several pages', () => {
  test('[TSC8] every page queues, one sends, and each hears how its writes ended', async () => {
    const device = new FakeDevice();
    const first = await connectedPage(device);
    const second = await connectedPage(device);
    const write = count(second);
    await second.world.settle();
    await first.world.settle();
    expect([updates(first).length, updates(second).length]).toEqual([1, 0]);
    expect([pending(first), pending(second)]).toEqual([1, 1]);
    first.world.socket.answer('update', { r, rev: 2 });
    expect(await write).toEqual({ r, rev: 2 });
    const other = count(second);
    await first.world.settle();
    first.world.socket.answer('update', { r, error: { code: 403, message: 'forbidden' } });
    await expect(other).rejects.toMatchObject({ code: 403, message: 'forbidden', retry: 'never' });
    await first.world.settle();
    expect([pending(first), pending(second), device.writes]).toEqual([0, 0, []]);
    first.client.close();
    second.client.close();
  });

  test('[TSC8] [TSC2] when the page that sends is gone the next one goes on, under the same ids', async () => {
    const device = new FakeDevice();
    const first = await connectedPage(device);
    const second = await connectedPage(device);
    const write = count(second);
    await second.world.settle();
    const [sent] = updates(first);
    first.client.close();
    await second.world.settle();
    await second.world.settle();
    expect(updates(second)).toMatchObject([{ rev: sent?.rev, cmdOpts: { once: write.id } }]);
    second.world.socket.answer('update', { r, rev: 2, meta: { repeated: true } });
    expect(await write).toEqual({ r, rev: 2 });
    second.client.close();
  });

  test('[TSC8] a page that lost its connection lets another one send', async () => {
    const device = new FakeDevice();
    const first = await connectedPage(device);
    const second = await connectedPage(device);
    first.world.socket.drop();
    const write = count(first);
    await first.world.settle();
    await second.world.settle();
    expect(updates(second)).toHaveLength(1);
    second.world.socket.answer('update', { r, rev: 2 });
    expect(await write).toEqual({ r, rev: 2 });
    first.client.close();
    second.client.close();
  });

  test('[TSC8] what another page ended without a word is uncertain, and not sent again', async () => {
    const device = new FakeDevice();
    const first = await connectedPage(device);
    const second = await connectedPage(device);
    const write = count(second);
    await second.world.settle();
    device.isFrozen = true;
    first.world.socket.answer('update', { r, rev: 2 });
    await first.world.settle();
    device.isFrozen = false;
    first.client.close();
    await expect(write).rejects.toThrow('write.uncertain');
    await second.world.settle();
    expect(updates(second)).toEqual([]);
    second.client.close();
  });

  test('[TSC8] a page that opens while an ended write is being removed does not keep it', async () => {
    const device = new FakeDevice();
    const first = await connectedPage(device);
    const write = count(first);
    await first.world.settle();
    const goOn = device.hold('remove');
    first.world.socket.answer('update', { r, rev: 2 });
    await write;
    const second = openPage(device);
    await second.world.settle();
    const [kept] = second.client.writes;
    expect(kept?.state).toBe('queued');
    goOn();
    await first.world.settle();
    await second.world.settle();
    expect([pending(second), kept?.state, device.writes]).toEqual([0, 'committed', []]);
    second.client.close();
    first.client.close();
  });

  test('[TSC8] a write that ends while a page loads what is kept does not come back in it', async () => {
    const device = new FakeDevice();
    const first = await connectedPage(device);
    const write = count(first);
    await first.world.settle();
    const goOn = device.hold('load');
    const second = openPage(device);
    await second.world.settle();
    first.world.socket.answer('update', { r, rev: 2 });
    await write;
    await first.world.settle();
    goOn();
    await second.world.settle();
    expect([pending(second), device.writes]).toEqual([0, []]);
    const refused: string[] = [];
    second.client.on('write-refused', ({ error }) => refused.push(error.message));
    first.client.close();
    await second.world.reconnect();
    await second.world.settle();
    expect([refused, updates(second)]).toEqual([[], []]);
    second.client.close();
  });

  test('[TSC8] what cannot be kept is sent by its page, whichever page sends what is kept', async () => {
    const device = new FakeDevice();
    const first = await connectedPage(device);
    const second = await connectedPage(device);
    const live = second.client.live(second.client.object(r));
    device.broken.add('add');
    const write = count(second);
    const error = await write.queued.catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ReallyError);
    expect(error).toMatchObject({ message: 'not.kept', r, cause: { name: 'QuotaExceededError' } });
    await second.world.settle();
    expect([updates(first), updates(second).length]).toEqual([[], 1]);
    // It is no write of which nobody knows whether it was applied.
    second.world.socket.answer('subscribe', { body: { subscriptions: [{ r, view: 'v' }] } });
    const body = { _r: r, _rev: 1, n: 1 };
    second.world.socket.say({ evt: 'snapshot', r, rev: 1, meta: {}, body });
    expect(live.value).toMatchObject({ n: 2 });
    second.world.socket.answer('update', { r, rev: 2 });
    expect(await write).toEqual({ r, rev: 2 });
    first.client.close();
    second.client.close();
  });

  test('[TSC8] what cannot be kept is sent by the page that sends what is kept, at once', async () => {
    const device = new FakeDevice();
    const page = await connectedPage(device);
    device.broken.add('add');
    const write = count(page);
    await expect(write.queued).rejects.toMatchObject({ message: 'not.kept' });
    await page.world.settle();
    expect(updates(page)).toHaveLength(1);
    page.world.socket.answer('update', { r, rev: 2 });
    expect(await write).toEqual({ r, rev: 2 });
    page.client.close();
  });

  test('[TSC8] [TSC1] a write that is taken back in a page that does not send is refused, if nobody sent it', async () => {
    const device = new FakeDevice();
    const page = await connectedPage(device);
    page.world.socket.drop();
    const taken = new AbortController();
    const { signal } = taken;
    const write = page.client.object(r).update((u) => u.addNumber('n', 1), { signal });
    await write.queued;
    taken.abort();
    await expect(write).rejects.toThrow('aborted');
    await page.world.settle();
    expect([write.state, pending(page), device.writes]).toEqual(['refused', 0, []]);
    page.client.close();
  });

  test('[TSC8] [TSC1] it is uncertain if another page may have sent it', async () => {
    const device = new FakeDevice();
    const first = await connectedPage(device);
    const second = await connectedPage(device);
    const taken = new AbortController();
    const { signal } = taken;
    const write = second.client.object(r).update((u) => u.addNumber('n', 1), { signal });
    await second.world.settle();
    expect(updates(first)).toMatchObject([{ cmdOpts: { once: write.id } }]);
    taken.abort();
    await expect(write).rejects.toThrow('aborted');
    expect([write.state, pending(first)]).toEqual(['uncertain', 0]);
    first.client.close();
    second.client.close();
  });

  test('[TSC8] [TSC1] a write that was taken back without a word is not sent, and uncertain in the page that sends', async () => {
    const device = new FakeDevice();
    const first = await connectedPage(device);
    const second = await connectedPage(device);
    const taken = new AbortController();
    const { signal } = taken;
    void count(first);
    await first.world.settle();
    const write = second.client.object(r).update((u) => u.addNumber('n', 1), { signal });
    await second.world.settle();
    device.isFrozen = true;
    taken.abort();
    await expect(write).rejects.toThrow('aborted');
    expect(write.state).toBe('refused');
    const [, behind] = first.client.writes;
    first.world.socket.answer('update', { r, rev: 2 });
    await first.world.pass(2_000);
    expect([updates(first).length, behind?.state]).toEqual([1, 'uncertain']);
    first.client.close();
    second.client.close();
  });
});
