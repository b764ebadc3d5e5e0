import type { JsonObject } from '@really/protocol';
import { Client, type ServerMessage } from '../harness/client.js';
import { signToken } from '../harness/token.js';
import type { ModelKind } from './live-queries-app.js';
import {
  claims,
  everyRoom,
  levels,
  type Return,
  rooms,
  type Step,
  type Story,
  type StoryQuery,
  type StoryWrite,
  users,
} from './live-queries-steps.js';
import { FoldedWindow, type WindowItem } from './live-queries-window.js';

/** Milliseconds within which a write has to be pushed. */
const patience = 30_000;

/** The question whose answer is what a window shows: of what may be read, that which may be subscribed to. */
function hearable(question: StoryQuery, model: ModelKind): StoryQuery {
  if (model !== 'heard') return question;
  const { filter = 'open != true', values = {} } = question.filter ?? {};
  return { ...question, filter: { filter: `(${filter}) and open != true`, values } };
}

/** A client that watches windows, and comes back where it is cut off. */
class Watcher {
  readonly windows: FoldedWindow[] = [];
  readonly #url: string;
  readonly #uid: (typeof users)[number];
  #token: string;
  #client: Client | undefined;
  #handle = '';
  #taken = 0;

  constructor(url: string, uid: (typeof users)[number]) {
    this.#url = url;
    this.#uid = uid;
    this.#token = signToken({ uid, ...claims[uid] });
  }

  /** Comes by another token. */
  #takeToken(level: number): void {
    const claim = claims[this.#uid];
    const data = { ...(claim.data as JsonObject), level: levels[level] ?? 0 };
    this.#token = signToken({ uid: this.#uid, ...claim, data });
  }

  async renewToken(level: number): Promise<void> {
    this.#takeToken(level);
    const { error } = await this.client.request({ cmd: 'initialize', accessToken: this.#token });
    if (error) throw new Error(`not renewed: ${JSON.stringify(error)}`);
  }

  get client(): Client {
    if (!this.#client) throw new Error('not connected');
    return this.#client;
  }

  async connect(more: JsonObject = {}): Promise<ServerMessage> {
    const client = await Client.open(this.#url);
    this.#client = client;
    this.#taken = 0;
    const answer = await client.request({ cmd: 'initialize', accessToken: this.#token, ...more });
    this.#handle = answer.body['connection-handle'];
    return answer;
  }

  /** Takes what it was pushed so far, at most so much. */
  listen(most = Number.POSITIVE_INFINITY): void {
    for (let count = 0; count < most; count++) {
      const push = this.client.pushes.shift();
      if (!push) return;
      this.#taken += 1;
      // Without a window: it was left since.
      this.windows.find(({ id }) => id === push.meta?.subscription)?.take(push);
    }
  }

  async read(r: string, question: StoryQuery, more: JsonObject = {}): Promise<ServerMessage> {
    const { filter, ...rest } = question;
    const given = Object.entries({ ...rest, query: filter, ...more }).filter(
      ([, value]) => value !== undefined,
    );
    return await this.client.request({
      cmd: 'read',
      r,
      cmdOpts: Object.fromEntries(given) as JsonObject,
    });
  }

  async watch(r: string, question: StoryQuery, since?: string): Promise<FoldedWindow | undefined> {
    const window = new FoldedWindow('', r, question);
    return (await this.#begin(window, since)) ? window : undefined;
  }

  async leave(which: number): Promise<void> {
    const [window] = this.windows.splice(which % Math.max(1, this.windows.length), 1);
    if (window && !window.failed) {
      await this.client.request({ cmd: 'unsubscribe', body: { subscriptions: [window.id] } });
    }
  }

  drop(back: Return): void {
    if (back.kind === 'handle') this.listen(Math.max(0, this.client.pushes.length - back.lost));
    else this.listen();
    this.client.socket.terminate();
  }

  async comeBack(back: Return & { readonly level?: number | undefined }): Promise<void> {
    if (back.level !== undefined) this.#takeToken(back.level);
    if (back.kind === 'handle') await this.#resume(back.counts);
    else await this.#goBack(back.back);
  }

  async #resume(counts: boolean): Promise<void> {
    const received = this.#taken;
    for (const window of this.windows) window.comeBack(counts);
    const answer = await this.connect({
      'connection-handle': this.#handle,
      ...(counts && { received }),
    });
    if (answer.body.resumed !== true) throw new Error(`not resumed: ${JSON.stringify(answer)}`);
  }

  async #goBack(back: number): Promise<void> {
    await this.connect();
    for (const window of this.windows) {
      const pos = window.goBack(back);
      if (pos !== undefined && (await this.#begin(window, pos))) continue;
      await this.#begin(window);
    }
  }

  /** Makes what ended new. */
  async renew(): Promise<void> {
    for (const window of this.windows) if (window.failed) await this.#begin(window);
  }

  async #begin(window: FoldedWindow, since?: string): Promise<boolean> {
    const more = { subscribe: true, ...(since !== undefined && { since }) };
    const { r, question } = window;
    // Pushes may be there before this goes on after the answer: they wait in the client.
    const answer = await this.read(r, question, more);
    if (answer.error) {
      if (since !== undefined && answer.error.message === 'position.gone') return false;
      if (await this.#maySeeNothing(window, answer.error)) {
        // Positions received under other rights are not usable.
        window.failed = true;
        return false;
      }
      throw new Error(`refused: ${JSON.stringify(answer)} ${window.describe()}`);
    }
    window.id = String(answer.meta?.subscription);
    if (since === undefined) window.begin(answer.body.items as WindowItem[]);
    if (!this.windows.includes(window)) this.windows.push(window);
    return true;
  }

  /** Where a rule says no whatever the object, a window of nothing is refused. */
  async #maySeeNothing(
    { r, question }: FoldedWindow,
    { code }: { code: number },
  ): Promise<boolean> {
    if (code !== 403) return false;
    const { body } = await this.read(r, question);
    return body?.items.length === 0;
  }

  /** The window is, or comes to be, what the same read answers. */
  async check(window: FoldedWindow, model: ModelKind): Promise<void> {
    const { body, error } = await this.read(window.r, hearable(window.question, model));
    if (error) throw new Error(`refused: ${JSON.stringify(error)}`);
    const deadline = performance.now() + patience;
    for (;;) {
      this.listen();
      if (window.failed) return;
      const difference = window.differenceTo(body.items as WindowItem[]);
      if (difference === undefined) break;
      if (performance.now() > deadline) throw new Error(`${difference}: ${window.describe()}`);
      await this.client.request({ cmd: 'ping' });
    }
    window.beStrict();
  }
}

/** The rooms of one story, with everybody in them. */
export class World {
  readonly #story: Story;
  readonly #home: string;
  readonly #watchers: readonly Watcher[];
  /** Objects by R, and the revision that the writers think they have. */
  readonly #revs = new Map<string, number>();
  readonly #writers: readonly Client[];
  #made = 0;

  private constructor(
    story: Story,
    home: string,
    watchers: readonly Watcher[],
    writers: readonly Client[],
  ) {
    this.#story = story;
    this.#home = home;
    this.#watchers = watchers;
    this.#writers = writers;
  }

  /** `home`: the R of an object of this story's own. */
  static async open(
    story: Story,
    home: string,
    url: string,
    writers: readonly Client[],
  ): Promise<World> {
    const [first] = writers;
    const parents = [home, ...rooms.map((room) => `${home}/rooms/${room}`)];
    const members = parents
      .slice(1)
      .flatMap((room) => users.map((uid) => `${room}/members/${uid}`));
    for (const r of [...parents, ...members]) await first?.request({ cmd: 'create', r, body: {} });
    const watchers = users.map((uid) => new Watcher(url, uid));
    await Promise.all(watchers.map((watcher) => watcher.connect()));
    return new World(story, home, watchers, writers);
  }

  close(): void {
    for (const { client } of this.#watchers) client.socket.terminate();
  }

  async play(): Promise<void> {
    for (const step of this.#story.steps) await this.#take(step);
    await this.#check();
  }

  async #take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'write':
        return await this.#write(step.who, step.write);
      case 'batch':
        return await this.#batch(step.who, step.writes);
      case 'burst':
        return await this.#burst(step.writes);
      case 'watch': {
        const watcher = this.#watcher(step.who);
        const room = step.room === everyRoom ? '*' : rooms[step.room];
        const r = `${this.#home}/rooms/${room}/${this.#story.model}/*`;
        await Promise.all([watcher.watch(r, step.question), this.#burst(step.amid)]);
        return;
      }
      case 'leave':
        return await this.#watcher(step.who).leave(step.which);
      case 'drop': {
        const watcher = this.#watcher(step.who);
        watcher.drop(step.back);
        const half = step.during.length >> 1;
        await this.#burst(step.during.slice(0, half));
        // The rest is written while it comes back.
        await Promise.all([watcher.comeBack(step.back), this.#burst(step.during.slice(half))]);
        return;
      }
      case 'renew': {
        const watcher = this.#watcher(step.who);
        await Promise.all([watcher.renewToken(step.level), this.#burst(step.amid)]);
        return;
      }
      case 'check':
        return await this.#check();
      default:
        return step satisfies never;
    }
  }

  async #check(): Promise<void> {
    for (const watcher of this.#watchers) {
      watcher.listen();
      await watcher.renew();
      for (const window of watcher.windows) await watcher.check(window, this.#story.model);
    }
  }

  async #write(who: number, write: StoryWrite): Promise<void> {
    const command = this.#commandOf(write);
    if (command) this.#learn(await this.#writer(who).request(command));
  }

  async #batch(who: number, writes: readonly StoryWrite[]): Promise<void> {
    const commands = writes.flatMap((write) => this.#commandOf(write) ?? []);
    if (commands.length === 0) return;
    const { body } = await this.#writer(who).request({ cmd: 'batch', body: { commands } });
    for (const result of (body?.results ?? []) as ServerMessage[]) this.#learn(result);
  }

  async #burst(writes: readonly (readonly [number, StoryWrite])[]): Promise<void> {
    await Promise.all(writes.map(([who, write]) => this.#write(who, write)));
  }

  #commandOf(write: StoryWrite): JsonObject | undefined {
    if (write.cmd === 'create') {
      const id = `o${this.#made++}`;
      const r = `${this.#home}/rooms/${rooms[write.room]}/${this.#story.model}/${id}`;
      return { cmd: 'create', r, body: write.body };
    }
    if (write.cmd === 'grant') return this.#grantOf(write);
    const names = [...this.#revs.keys()];
    const r = names[write.which % Math.max(1, names.length)];
    if (r === undefined) return undefined;
    if (write.cmd === 'delete') {
      this.#revs.delete(r);
      return { cmd: 'delete', r };
    }
    const rev = this.#revs.get(r) ?? 1;
    return { cmd: 'update', r, rev, body: { ops: [...write.ops] } };
  }

  #grantOf({ of, key, by }: Extract<StoryWrite, { cmd: 'grant' }>): JsonObject {
    const r =
      of.room === undefined
        ? `/people/p${of.person + 1}`
        : `${this.#home}/rooms/${rooms[of.room]}/members/${users[of.user]}`;
    return { cmd: 'update', r, rev: 1, body: { ops: [{ op: 'addNumber', key, value: by }] } };
  }

  #learn({ r = '', rev, body }: ServerMessage): void {
    const name = String(body?._r ?? r);
    if (body?._rev !== undefined) this.#revs.set(name, body._rev);
    else if (rev !== undefined && this.#revs.has(name)) this.#revs.set(name, rev);
  }

  #watcher(who: number): Watcher {
    const watcher = this.#watchers[who];
    if (!watcher) throw new Error('nobody');
    return watcher;
  }

  #writer(who: number): Client {
    const writer = this.#writers[who];
    if (!writer) throw new Error('nobody');
    return writer;
  }
}
