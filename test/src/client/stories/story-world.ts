import { isDeepStrictEqual } from 'node:util';
import type { Client } from '../../harness/client.js';
import type { JsonObject, ListQuery } from '../really-client.js';
import { type MadeWrite, StoryClient, type StoryItems } from './story-client.js';
import type { StoryServer } from './story-server.js';
import { type ClientStep, type ClientStory, storyQueries, storyUsers } from './story-steps.js';
import type { WatchedList } from './watched-list.js';
import { logOf, type WatchedObject } from './watched-object.js';

/** Milliseconds for what has to come to pass some day. */
const patience = Number(process.env.STORY_SETTLE ?? 60_000);

/** One story: clients, what they did, and what the server has to have at its end. */
export class StoryWorld implements StoryItems {
  readonly violations: string[] = [];
  readonly deleted = new Set<string>();
  readonly home: string;
  readonly #server: StoryServer;
  readonly #clients: StoryClient[] = [];
  readonly #items: string[] = [];

  constructor(server: StoryServer, home: string) {
    this.#server = server;
    this.home = home;
  }

  get items(): string {
    return `${this.home}/items`;
  }

  item(which: number): string {
    return this.#items[which % this.#items.length] ?? '';
  }

  created(r: string): void {
    this.#items.push(r);
  }

  query(which: number): ListQuery {
    return storyQueries[which] ?? {};
  }

  async play({ steps }: ClientStory): Promise<void> {
    try {
      await this.#begin();
      for (const step of steps) {
        await this.#play(step);
        for (const client of this.#clients) client.checkQueue();
        this.#throwViolations();
      }
      await this.#end();
    } finally {
      await Promise.all(this.#clients.map((client) => client.close()));
    }
  }

  #throwViolations(): void {
    if (this.violations.length > 0) throw new Error(this.violations.slice(0, 3).join('\n'));
  }

  async #begin(): Promise<void> {
    await this.#server.restart();
    const raw = await this.#server.raw();
    const commands = [0, 1, 2].map((n) => {
      const r = `${this.home}/items/i${n}`;
      this.#items.push(r);
      return { cmd: 'create', r, body: { n, name: `i${n}`, count: 0 } };
    });
    const home = { cmd: 'create', r: this.home, body: { name: 'home' } };
    await raw.request({ cmd: 'batch', body: { commands: [home, ...commands] } });
    for (const [n, uid] of storyUsers.entries()) {
      this.#clients.push(await StoryClient.open(this, `c${n}`, uid, this.#server.url ?? ''));
    }
  }

  async #play(step: ClientStep): Promise<void> {
    if (step.kind === 'kill') return await this.#server.kill();
    if (step.kind === 'start') return await this.#start();
    if (step.kind === 'reload') return await this.#server.reload();
    if (step.kind === 'beat') return await this.#beat();
    if (step.kind === 'burst') {
      for (const [who, write] of step.writes) this.#clients[who]?.write(write);
      return;
    }
    const client = this.#clients[step.who];
    if (client) await this.#playFor(client, step);
  }

  async #playFor(client: StoryClient, step: Extract<ClientStep, { who: number }>): Promise<void> {
    switch (step.kind) {
      case 'write':
        return client.write(step.write);
      case 'batch':
        return client.batch(step.writes);
      case 'watch-object':
        return client.watchObject(this.item(step.which));
      case 'watch-list':
        return client.watchList(this.items, step.query);
      case 'close':
        return client.closeWatched(step.which);
      case 'network':
        return client.setNetwork(step.mode);
      case 'pass':
        return client.clock.jump(step.seconds * 1000);
      case 'outlast':
        return await this.#outlast(client.uid);
      case 'token':
        return await this.#token(client, step.what);
      case 'settle':
        if (!client.isReachable || !this.#server.url) return;
        return await this.#until(
          () => client.isSettled,
          () => client.describe(),
        );
      default:
        step satisfies never;
    }
  }

  async #start(): Promise<void> {
    await this.#server.restart();
    for (const { proxy } of this.#clients) proxy.retarget(this.#server.url ?? '');
  }

  async #beat(): Promise<void> {
    if (this.#server.url) {
      const raw = await this.#server.raw();
      for (let n = 0; n < 2; n++) await raw.request({ cmd: 'ping' });
    }
    await turn();
  }

  async #outlast(uid: string): Promise<void> {
    if (!this.#server.url) return;
    for (const client of this.#clients) if (client.uid === uid) client.clock.jump(3_600_000);
    await this.#server.forgetOnceIds(uid, this.home);
  }

  async #token(
    client: StoryClient,
    what: Extract<ClientStep, { kind: 'token' }>['what'],
  ): Promise<void> {
    if (what === 'renew') client.really.connection.renew();
    else if (what === 'revoke') {
      if (this.#server.url && client.lastToken) await this.#server.revoke(client.lastToken);
    } else if (what === 'switch') {
      client.uid = client.uid === 'amal' ? 'beno' : 'amal';
      client.setNetwork('cut');
    } else {
      client.tokens = what;
      if (what === 'good') client.really.connection.connect();
    }
  }

  /** Everything is well again: in the end all agree. */
  async #end(): Promise<void> {
    await this.#start();
    for (const client of this.#clients) {
      client.setNetwork('heal');
      client.tokens = 'good';
    }
    const raw = await this.#server.raw();
    for (const client of this.#clients) {
      await this.#until(
        () => client.isSettled,
        () => client.describe(),
      );
    }
    const made = this.#clients.flatMap(({ writes }) => writes);
    await this.#compareAll(raw);
    await this.#checkObjects(raw, made);
    for (const client of this.#clients)
      for (const one of client.writes) this.#checkWrite(client, one);
    this.#throwViolations();
  }

  /** Until every copy has what the server has. */
  async #compareAll(raw: Client): Promise<void> {
    let last = '';
    const isEqual = async () => {
      last = '';
      for (const client of this.#clients) {
        for (const object of client.objects) last ||= await differenceOf(raw, client, object);
        for (const list of client.lists) last ||= await this.#listDifference(raw, client, list);
      }
      return last === '';
    };
    await this.#until(isEqual, () => last);
  }

  async #listDifference(raw: Client, client: StoryClient, list: WatchedList): Promise<string> {
    if (list.isClosed) return '';
    const { filter, values, ...others } = list.query;
    const cmdOpts = { ...others, ...(filter && { query: { filter, values } }) };
    const answer = await raw.request({ cmd: 'read', r: this.items, cmdOpts } as never);
    const items = answer.body.items.map(({ body }: { body: JsonObject }) => body);
    // Nothing is pushed of a revision that touched no field of the list.
    const isNarrow = list.query.fields !== undefined;
    const compared = (all: readonly JsonObject[] = []) =>
      isNarrow ? all.map(({ _rev, ...fields }) => fields) : all;
    if (isDeepStrictEqual(compared(items), compared(list.live.value))) return '';
    const [is, has] = [JSON.stringify(list.live.getSnapshot()), JSON.stringify(items)];
    return `${client.name}: list ${JSON.stringify(list.query)} is ${is}\nthe server has ${has}\n  ${list.trace.slice(-8).join('\n  ')}\n${client.wire}`;
  }

  async #checkObjects(raw: Client, made: readonly MadeWrite[]): Promise<void> {
    const revisions = new Set<string>();
    for (const { handle } of made) {
      for (const revision of committedRevisions(handle)) {
        if (revisions.has(revision)) this.violations.push(`two writes made ${revision}`);
        revisions.add(revision);
      }
    }
    for (const r of new Set(this.#items)) {
      const { body, error } = await raw.request({ cmd: 'get', r });
      if (error) continue;
      const log = logOf(body);
      if (body.count !== log.length)
        this.violations.push(`${r}: ${body.count} is not ${log.length}`);
      for (const { handle, tags } of made) {
        for (const { tag } of tags.filter((tag) => tag.r === r)) {
          const times = log.filter((text) => text === tag).length;
          const { state } = handle;
          const isRight =
            state === 'uncertain' ? times <= 1 : times === Number(state === 'committed');
          if (!isRight) this.violations.push(`${tag} is ${state}, and ${times} times in ${r}`);
        }
      }
    }
  }

  #checkWrite(client: StoryClient, { handle, refusals }: MadeWrite): void {
    const expected = handle.state === 'committed' ? 0 : 1;
    if (refusals === expected) return;
    this.violations.push(`${client.name}: ${refusals} events for a write that is ${handle.state}`);
  }

  async #until(isSo: () => boolean | Promise<boolean>, describe: () => string): Promise<void> {
    const deadline = performance.now() + patience;
    while (!(await isSo())) {
      this.#throwViolations();
      if (performance.now() > deadline) throw new Error(`it never settled: ${describe()}`);
      for (const client of this.#clients) {
        if (!client.isReachable) continue;
        const { state } = client.really.connection.getSnapshot();
        if (state === 'needs-auth') client.really.connection.connect();
        client.hurry();
      }
      await turn();
    }
  }
}

/** Lets sockets do what they can. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 1));
}

async function differenceOf(
  raw: Client,
  client: StoryClient,
  { r, live, isClosed, trace }: WatchedObject,
): Promise<string> {
  if (isClosed) return '';
  const { body, error } = await raw.request({ cmd: 'get', r });
  const { status, value } = live.getSnapshot();
  // Made after it was asked for: nobody says so.
  if (status === 'failed' && live.error?.message === 'object.missing') return '';
  const expected = error?.code === 410 ? 'deleted' : error ? 'failed' : 'live';
  if (status === expected && isDeepStrictEqual(value, error ? undefined : body)) return '';
  const is = JSON.stringify(live.getSnapshot());
  return `${client.name}: ${r} is ${is}\nthe server has ${JSON.stringify(error ?? body)}\n  ${trace.slice(-8).join('\n  ')}\n${client.wire}`;
}

/** `r@rev` of each update that a write made. */
function committedRevisions(handle: MadeWrite['handle']): string[] {
  const state = handle.getSnapshot();
  if (state.state !== 'committed') return [];
  const results = (Array.isArray(state.result) ? state.result : [state.result]) as JsonObject[];
  return handle.commands.flatMap(({ cmd, r }, n) => {
    return cmd === 'update' ? `${r}@${results[n]?.rev}` : [];
  });
}
