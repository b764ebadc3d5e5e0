import type { JsonObject } from '@really/protocol';
import { Client, type ServerMessage } from '../../harness/client.js';
import { signToken } from '../../harness/token.js';
import { FoldedWindow, type WindowItem } from '../live-queries-window.js';
import type { AttendedCollection, FollowedObject } from './followed.js';
import type { ReaderClaims, Rules } from './membership-kinds.js';
import { type Question, type ReaderName, teams } from './membership-steps.js';
import type { Moment } from './rights-oracle.js';

/** What a client heard, before anybody made sense of it. */
export interface Heard {
  readonly by: ReaderName;
  readonly text: string;
  readonly message: ServerMessage | undefined;
  readonly isPush: boolean;
  readonly moment: Moment;
}

/** The state of the world, for those who take note of when they heard something. */
export interface Surroundings {
  readonly url: string;
  readonly socketUrl: string;
  /** The position of the newest write that was answered. */
  readonly acknowledged: number;
  /** The newest position in the database. */
  position(): number;
  /** Those that may be in force: two while they are replaced. */
  readonly rules: readonly Rules[];
  heard(heard: Heard): void;
}

export interface Answer {
  readonly answer: ServerMessage;
  readonly moment: Moment;
}

/** Where a window was at some time. */
export interface PastPosition {
  readonly r: string;
  readonly question: Question;
  readonly pos: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly etag: string | undefined;
  readonly body: ServerMessage['body'];
  readonly moment: Moment;
}

/** A client that subscribes, comes back where it is cut off, and has everything that it hears noted down. */
export class MembershipReader {
  readonly name: ReaderName;
  readonly #world: Surroundings;
  readonly windows: FoldedWindow[] = [];
  readonly objects = new Map<string, FollowedObject>();
  readonly collections: AttendedCollection[] = [];
  /** What it can try again later. */
  readonly past: PastPosition[] = [];
  readonly pageTokens: PastPosition[] = [];
  readonly etags = new Map<string, { readonly etag: string; readonly body: JsonObject }>();
  #claims: ReaderClaims[];
  #token: string;
  #client: Client | undefined;
  #handle = '';
  #taken = 0;
  /** Nothing was judged before this position that comes now. */
  #from = 0;
  #asked: number[] = [];
  #isResumed = false;
  /** The queries that began on this connection: nothing was pushed of them before. */
  readonly #begun = new Set<unknown>();

  constructor(world: Surroundings, name: ReaderName) {
    this.#world = world;
    this.name = name;
    this.#claims = [{ uid: name, team: 'red' }];
    this.#token = tokenOf({ uid: name, team: 'red' });
  }

  get client(): Client {
    if (!this.#client) throw new Error('not connected');
    return this.#client;
  }

  get handle(): string {
    return this.#handle;
  }

  get token(): string {
    return this.#token;
  }

  /** As of now: what may decide about what it hears. */
  moment(from = this.#from): Moment {
    const { rules } = this.#world;
    return { from, until: this.#world.position(), claims: [...this.#claims], rules: [...rules] };
  }

  async connect(more: JsonObject = {}): Promise<ServerMessage> {
    const from = this.#world.acknowledged;
    const client = await Client.open(this.#world.socketUrl);
    this.#client = client;
    this.#taken = 0;
    this.#from = from;
    this.#asked = [];
    this.#isResumed = false;
    this.#begun.clear();
    client.socket.on('message', (data) => {
      if (this.#client === client) this.#note(String(data));
    });
    const { answer } = await this.request({
      cmd: 'initialize',
      accessToken: this.#token,
      ...more,
    });
    if (answer.error) throw new Error(`not initialized: ${JSON.stringify(answer)}`);
    this.#handle = answer.body['connection-handle'];
    return answer;
  }

  #note(text: string): void {
    const message = JSON.parse(text) as ServerMessage;
    const isPush = message.tag === undefined;
    const id = message.meta?.subscription;
    if (!isPush && typeof id === 'string') this.#begun.add(id);
    if (message.evt === 'initialized' && message.body.resumed === true) this.#isResumed = true;
    const from = isPush ? this.#from : (this.#asked[message.tag ?? 0] ?? this.#from);
    const isResumed = this.#isResumed && !this.#begun.has(id);
    const moment = { ...this.moment(from), isResumed };
    this.#world.heard({ by: this.name, text, message, isPush, moment });
  }

  async request(message: JsonObject): Promise<Answer> {
    const from = this.#world.acknowledged;
    // Tags count from 1.
    this.#asked[0] ??= 0;
    this.#asked.push(from);
    const answer = await this.client.request(message);
    return { answer, moment: this.moment(from) };
  }

  async fetch(path: string, init: RequestInit = {}): Promise<HttpAnswer> {
    const from = this.#world.acknowledged;
    const headers = { authorization: `Bearer ${this.#token}`, ...init.headers };
    const response = await fetch(`${this.#world.url}/v0.1${path}`, { ...init, headers });
    const text = await response.text();
    const moment = this.moment(from);
    const told = `${[...response.headers].join()} ${text}`;
    this.#world.heard({ by: this.name, text: told, message: undefined, isPush: false, moment });
    const { status } = response;
    const etag = response.headers.get('etag') ?? undefined;
    return { status, etag, body: text === '' ? undefined : JSON.parse(text), moment };
  }

  /** Comes by a token of another team, on the same connection. */
  async renew(team: number): Promise<void> {
    const claims: ReaderClaims = { uid: this.name, team: teams[team] ?? 'red' };
    const from = this.#world.acknowledged;
    this.#claims.push(claims);
    this.#token = tokenOf(claims);
    const { answer } = await this.request({ cmd: 'initialize', accessToken: this.#token });
    if (answer.error) throw new Error(`not renewed: ${JSON.stringify(answer)}`);
    this.#claims = [claims];
    this.#from = Math.max(this.#from, from);
  }

  /** Takes what it was pushed so far, at most so much. */
  listen(most = Number.POSITIVE_INFINITY): void {
    for (let count = 0; count < most; count++) {
      const push = this.client.pushes.shift();
      if (!push) return;
      this.#taken += 1;
      this.#take(push);
    }
  }

  #take(push: ServerMessage): void {
    const { r = '', meta } = push;
    if (meta?.subscription !== undefined) {
      // Ids begin again with each session.
      const window = this.windows.find((one) => one.id === meta.subscription && !one.failed);
      window?.take(push);
      if (window && typeof meta.pos === 'string')
        this.past.push({ r: window.r, question: window.question, pos: meta.pos });
      return;
    }
    // Of rooms, which it joins only to try.
    if (push.evt === 'schemaUpdated' || 'eph' in push) return;
    this.objects.get(r)?.take(push);
    this.collections.find((one) => one.r === r && !one.ended)?.take(push);
  }

  async watch(r: string, question: Question): Promise<Answer> {
    const window = new FoldedWindow('', r, question);
    this.windows.push(window);
    return await this.begin(window);
  }

  /** Where it is refused, the window counts as failed. */
  async begin(window: FoldedWindow, since?: string): Promise<Answer> {
    const { r, question } = window;
    const more = { subscribe: true, ...(since !== undefined && { since }) };
    const answered = await this.request(readOf(r, question, more));
    const { answer } = answered;
    if (answer.error) {
      window.failed = true;
    } else {
      window.id = String(answer.meta?.subscription);
      if (since === undefined) window.begin(answer.body.items as WindowItem[]);
    }
    return answered;
  }

  /** Subscribes to an object, from the beginning or from what it has. The error, if it is refused. */
  async follow(object: FollowedObject): Promise<Answer> {
    const { r, rev, view } = object;
    const item = rev > 0 ? { r, rev, ...(view !== undefined && { view }) } : { r };
    object.ended = undefined;
    this.objects.set(r, object);
    const answered = await this.request({ cmd: 'subscribe', body: { subscriptions: [item] } });
    const { failures, subscriptions } = answered.answer.body;
    if (failures) object.ended = failures[0];
    else if (subscriptions[0].view !== undefined) object.view = subscriptions[0].view;
    return answered;
  }

  async attend(collection: AttendedCollection, pos?: string): Promise<Answer> {
    const { r } = collection;
    const item = pos === undefined ? { r } : { r, pos };
    const answered = await this.request({ cmd: 'subscribe', body: { subscriptions: [item] } });
    const { failures } = answered.answer.body;
    collection.ended = failures?.[0];
    if (!failures && pos === undefined) collection.since = answered.moment.until;
    if (!this.collections.includes(collection)) this.collections.push(collection);
    return answered;
  }

  /** The connection is cut off. `lost`: how many of the last pushes it never got. */
  drop(lost: number | 'unknown' | 'handle'): void {
    const { length } = this.client.pushes;
    this.listen(typeof lost === 'number' ? Math.max(0, length - lost) : length);
    this.client.socket.terminate();
  }

  async comeBack(lost: number | 'unknown' | 'handle'): Promise<void> {
    if (lost === 'handle' || !(await this.#resume(typeof lost === 'number'))) await this.#goBack();
  }

  /** False where the server wants it to begin again, since rights changed meanwhile. */
  async #resume(counts: boolean): Promise<boolean> {
    const received = this.#taken;
    for (const window of this.windows) window.comeBack(counts);
    for (const object of this.objects.values()) object.isLenient ||= !counts;
    const handle = { 'connection-handle': this.#handle, ...(counts && { received }) };
    try {
      const answer = await this.connect(handle);
      if (answer.body.resumed !== true) throw new Error(`not resumed: ${JSON.stringify(answer)}`);
      return true;
    } catch (error) {
      if (!String(error).includes('closed with 1013')) throw error;
      return false;
    }
  }

  async #goBack(): Promise<void> {
    await this.connect();
    for (const window of this.windows) {
      if (window.failed) continue;
      const pos = window.goBack(0);
      if (pos === undefined) await this.begin(window);
      else if ((await this.begin(window, pos)).answer.error?.code === 410) await this.begin(window);
    }
    for (const object of this.objects.values()) if (!object.ended) await this.follow(object);
    for (const collection of this.collections) {
      if (collection.ended) continue;
      const { pos } = collection;
      await this.attend(collection, pos);
      if (pos !== undefined && collection.ended) await this.attend(collection);
    }
  }

  close(): void {
    this.#client?.socket.terminate();
  }
}

export function readOf(r: string, question: Question, more: JsonObject = {}): JsonObject {
  const { filter, ...rest } = question;
  const given = Object.entries({ ...rest, query: filter, ...more });
  const cmdOpts = Object.fromEntries(given.filter(([, value]) => value !== undefined));
  return { cmd: 'read', r, cmdOpts: cmdOpts as JsonObject };
}

function tokenOf({ uid, team }: ReaderClaims): string {
  return signToken({ uid, data: { team } });
}
