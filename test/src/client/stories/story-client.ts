import { signToken } from '../../harness/token.js';
import { CuttingProxy } from '../cutting-proxy.js';
import {
  type ListQuery,
  Really,
  rql,
  type WebSocketConstructor,
  type WriteHandle,
} from '../really-client.js';
import { StoryClock } from './story-clock.js';
import type { ItemWrite, NetworkMode, StoryChange } from './story-steps.js';
import type { WatchOwner } from './watch-owner.js';
import { WatchedList } from './watched-list.js';
import { WatchedObject } from './watched-object.js';

/** A write that a story made, and what it leaves in logs. */
export interface MadeWrite {
  readonly handle: WriteHandle<unknown>;
  /** Whose it is. */
  readonly uid: string | undefined;
  /** In which object's log which text appears where it is committed. */
  readonly tags: readonly { readonly r: string; readonly tag: string; readonly fits: boolean }[];
  /** What it writes to. */
  readonly rs: readonly string[];
  /** Events `write-refused` of it. */
  refusals: number;
}

/** What its clients do their work on: the items of a story. */
export interface StoryItems {
  readonly violations: string[];
  /** Those that somebody tried to delete. */
  readonly deleted: Set<string>;
  readonly home: string;
  /** The collection of them. */
  readonly items: string;
  item(which: number): string;
  created(r: string): void;
  query(which: number): ListQuery;
}

let tokens = 0;

/** One client of a story, with a network, a clock and a sign-in of its own. */
export class StoryClient implements WatchOwner {
  readonly name: string;
  readonly really: Really;
  readonly proxy: CuttingProxy;
  readonly clock = new StoryClock();
  readonly writes: MadeWrite[] = [];
  readonly objects: WatchedObject[] = [];
  readonly lists: WatchedList[] = [];
  readonly #world: StoryItems;
  readonly #byTag = new Map<string, MadeWrite>();
  uid: string;
  tokens: 'good' | 'none' | 'fail' = 'good';
  lastToken: string | undefined;
  network: NetworkMode = 'heal';
  /** That of the session, or of the last one. */
  #sessionUid: string | undefined;
  /** The messages of all its sockets, for people. */
  readonly #wire: string[] = [];
  #tags = 0;

  private constructor(world: StoryItems, name: string, uid: string, proxy: CuttingProxy) {
    this.#world = world;
    this.name = name;
    this.uid = uid;
    this.proxy = proxy;
    this.really = new Really(proxy.url, {
      token: () => this.#token(),
      // The second of a user, and the one of another, guess what their writes do to lists.
      ...(name !== 'c0' && { rql: rql() }),
      platform: { ...this.clock.platform, WebSocket: recordingSocket(this.#wire) },
    });
    this.really.connection.subscribe(() => {
      this.#sessionUid = this.really.user?.uid ?? this.#sessionUid;
    });
    this.really.on('write-refused', ({ write }) => {
      const made = this.writes.find(({ handle }) => handle === write);
      if (made) made.refusals += 1;
      else this.fail(`write-refused of an unknown write ${write.id}`);
    });
  }

  static async open(
    world: StoryItems,
    name: string,
    uid: string,
    url: string,
  ): Promise<StoryClient> {
    return new StoryClient(world, name, uid, await CuttingProxy.to(url));
  }

  fail(why: string): void {
    this.#world.violations.push(`${this.name}: ${why}`);
  }

  async close(): Promise<void> {
    this.really.close();
    await this.proxy[Symbol.asyncDispose]();
  }

  get isReachable(): boolean {
    return this.network === 'heal' && this.tokens === 'good';
  }

  get isSettled(): boolean {
    const { state, pendingWrites } = this.really.connection.getSnapshot();
    if (state !== 'connected' || pendingWrites > 0) return false;
    return this.#open().every(({ isSettled }) => isSettled);
  }

  /** What it sent and received last, for people. */
  get wire(): string {
    return this.#wire.slice(-40).join('\n  ');
  }

  /** What keeps it from being settled, for people. */
  describe(): string {
    const open = this.#open()
      .filter(({ isSettled }) => !isSettled)
      .map((watched) => [JSON.stringify(watched.live.getSnapshot()), ...watched.trace.slice(-6)]);
    const state = JSON.stringify(this.really.connection.getSnapshot());
    return `${this.name} ${state}\n${open.flat().join('\n  ')}\n${this.wire}`;
  }

  /** The pause before the next attempt is over. */
  hurry(): void {
    const state = this.really.connection.getSnapshot();
    if (state.state === 'disconnected') this.clock.jump(state.retryAt - this.clock.now + 1);
  }

  setNetwork(mode: NetworkMode): void {
    this.network = mode === 'cut' ? 'heal' : mode;
    this.proxy[mode]();
  }

  watchObject(r: string): void {
    this.objects.push(new WatchedObject(this, r));
  }

  watchList(r: string, query: number): void {
    this.lists.push(new WatchedList(this, r, this.#world.query(query)));
  }

  closeWatched(which: number): void {
    const open = this.#open();
    open[which % (open.length || 1)]?.close();
  }

  write(write: ItemWrite): void {
    this.#made(this.#prepare([write]), ([one]) => one?.(undefined));
  }

  batch(writes: readonly ItemWrite[]): void {
    this.#made(this.#prepare(writes), (each) =>
      this.really.batch((b) => each.map((run) => run(b))),
    );
  }

  /** Tags of writes that are neither refused nor uncertain, which its copy of the object has to show. */
  shownTags(r: string): string[] {
    const isAlive = ({ handle }: MadeWrite) => !isFailed(handle);
    return this.writes
      .filter(isAlive)
      .flatMap(({ tags }) => tags.filter((tag) => tag.r === r && tag.fits).map(({ tag }) => tag));
  }

  /** Whether a text may vanish from a log: the write was refused, or is uncertain. */
  isTakenBack(tag: string): boolean {
    const made = this.#byTag.get(tag);
    if (!made) return false;
    // What fits to one state may not fit to the next.
    const isSure = made.tags.every(({ fits }) => fits) || made.handle.state === 'committed';
    return !isSure || isFailed(made.handle);
  }

  isPerhapsDeleted(r: string): boolean {
    return this.#world.deleted.has(r);
  }

  causes(r: string): number {
    const writes = this.writes.filter(({ rs }) => rs.includes(r));
    return writes.length + writes.filter(({ handle }) => isFailed(handle)).length;
  }

  checkQueue(): void {
    const waiting = this.writes.filter(
      ({ handle: { state } }) => state === 'queued' || state === 'sent',
    );
    const { pendingWrites } = this.really.connection.getSnapshot();
    if (pendingWrites !== waiting.length)
      this.fail(`${pendingWrites} writes wait: ${waiting.length}`);
  }

  #open(): (WatchedObject | WatchedList)[] {
    return [...this.objects, ...this.lists].filter(({ isClosed }) => !isClosed);
  }

  #token(): string | null {
    if (this.tokens === 'fail') throw new Error('there is no sign-in service');
    if (this.tokens === 'none') return null;
    tokens += 1;
    this.lastToken = signToken({
      ...{ uid: this.uid, jti: String(tokens), iat: Math.floor(Date.now() / 1000) },
      expires: this.clock.now + 600_000,
    });
    return this.lastToken;
  }

  #prepare(writes: readonly ItemWrite[]): PreparedWrite[] {
    return writes.map((write) => {
      if (write.cmd === 'create') return this.#create(write);
      const r = this.#world.item(write.which);
      const object = this.really.object(r);
      if (write.cmd === 'delete') {
        this.#world.deleted.add(r);
        return { r, run: (b) => (b ? b.delete(object) : object.delete()) };
      }
      this.#tags += 1;
      const tag = write.counts ? `${this.name}-${this.#tags}` : undefined;
      const build = (u: Builder) => {
        if (tag !== undefined) u.addNumber('count', 1).push('log', tag);
        for (const change of write.changes) applyChange(u, change);
      };
      const fits = write.changes.every(({ op }) => op !== 'insertAt' && op !== 'removeAt');
      return {
        r,
        run: (b) => (b ? b.update(object, build) : object.update(build)),
        tag: tag === undefined ? undefined : { r, tag, fits },
      };
    });
  }

  #create({ n }: Extract<ItemWrite, { cmd: 'create' }>): PreparedWrite {
    const items = this.really.collection(this.#world.items);
    this.#tags += 1;
    const [id, body] = [`${this.name}-${this.#tags}`, { n, name: `${n}`, count: 0 }];
    const r = `${this.#world.home}/items/${id}`;
    this.#world.created(r);
    return { r, run: (b) => (b ? b.create(items, body, { id }) : items.create(body, { id })) };
  }

  #made(prepared: readonly PreparedWrite[], run: (each: PreparedWrite['run'][]) => unknown): void {
    const tags = prepared.flatMap(({ tag }) => tag ?? []);
    let handle: WriteHandle<unknown> | undefined;
    const made: MadeWrite = {
      get handle(): WriteHandle<unknown> {
        return handle ?? unmade;
      },
      uid: this.#sessionUid,
      tags,
      rs: prepared.map(({ r }) => r),
      refusals: 0,
    };
    // Before it is made: its layer is drawn at once.
    this.writes.push(made);
    for (const { tag } of tags) this.#byTag.set(tag, made);
    handle = run(prepared.map((one) => one.run)) as WriteHandle<unknown>;
    handle.subscribe(() => {
      const uid = this.really.user?.uid;
      if (made.handle.state !== 'committed' || (made.uid ?? uid) === uid) return;
      this.fail(`a write of ${made.uid} was sent by ${uid}`);
    });
  }
}

function recordingSocket(wire: string[]): WebSocketConstructor {
  return class extends WebSocket {
    constructor(url: string) {
      super(url);
      wire.push('opens');
      this.addEventListener('message', ({ data }) => wire.push(`< ${data}`));
      this.addEventListener('close', ({ code }) => wire.push(`closed ${code}`));
    }

    override send(text: string): void {
      wire.push(`> ${text}`);
      super.send(text);
    }
  } as unknown as WebSocketConstructor;
}

type Builder = Parameters<Parameters<ReturnType<Really['object']>['update']>[0]>[0];
type Batch = Parameters<Parameters<Really['batch']>[0]>[0];

interface PreparedWrite {
  readonly r: string;
  readonly run: (batch: Batch | undefined) => unknown;
  readonly tag?: MadeWrite['tags'][number] | undefined;
}

/** While the call that makes a write runs. */
const unmade = { state: 'queued' } as WriteHandle<unknown>;

function isFailed({ state }: WriteHandle<unknown>): boolean {
  return state === 'refused' || state === 'uncertain';
}

function applyChange(u: Builder, change: StoryChange): void {
  switch (change.op) {
    case 'set':
      u.set(change.key, change.key === 'name' ? nameOf(change.value) : change.value);
      break;
    case 'insertAt':
      u.insertAt('tags', change.index, 'new');
      break;
    case 'removeAt':
      u.removeAt('tags', change.index);
      break;
    default:
      u[change.op]('tags', `t${change.value}`);
  }
}

const nameOf = (value: number | null) => (value === null ? null : `name${value}`);
