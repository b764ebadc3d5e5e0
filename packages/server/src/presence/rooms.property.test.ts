import type { JsonObject, PresenceMember, PresencePush } from '@really/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RoomConnection } from './membership.js';
import { type RoomSocket, type RoomsApp, roomsApp } from './rooms.fixture.js';
import { grace } from './rooms.js';

const r = '/boards/1';
const uids = ['amal', 'badr', 'carl', 'dana', 'emil'];

/** The body of either kind of presence push. */
type PresenceBody = { readonly members?: PresenceMember[] } & PresencePush['body'];

/** One user's connection, over all of its sockets, and what it received. */
class Person {
  readonly uid: string;
  socket: RoomSocket;
  parked: RoomConnection | undefined;
  me: string | undefined;
  /** By the pushes alone; `undefined`: not in the room. */
  list: Map<string, PresenceMember> | undefined;
  count = 0;
  /** The last message that it got or may have missed, and whether a list said that it may. */
  lastMessage = 0;
  mayHaveMissed = false;
  /** By the simple model: whether it is in the room, and its state if it is a member. */
  isIn = false;
  state: JsonObject | undefined;

  constructor(uid: string, socket: RoomSocket) {
    this.uid = uid;
    this.socket = socket;
  }

  /** Folds what came. */
  read(sent: number): void {
    for (const push of this.socket.take()) {
      const body = push.body ?? {};
      if (push.evt === 'failed') this.list = undefined;
      else if (push.evt === 'sent')
        this.#message(body as unknown as { data: number }, push.meta as JsonObject);
      else if (push.evt === 'presence') this.#presence(body as unknown as PresenceBody);
      expect(push.eph).toBe(true);
    }
    if (this.list === undefined) this.lastMessage = sent;
  }

  joined({ me, members, count }: { me: string; members: PresenceMember[]; count: number }): void {
    if (this.me !== undefined) expect(me).toBe(this.me);
    this.me = me;
    this.list = new Map(members.map((member) => [member.id, member]));
    this.count = count;
    // The whole list, as in a push.
    this.mayHaveMissed = true;
  }

  #message({ data }: { data: number }, meta: JsonObject): void {
    expect(data).toBeGreaterThan(this.lastMessage);
    if (!this.mayHaveMissed) expect(data).toBe(this.lastMessage + 1);
    this.lastMessage = data;
    this.mayHaveMissed = false;
    if (typeof meta.member === 'string') expect(this.list?.has(meta.member)).not.toBe(undefined);
  }

  #presence({ members, joined, changed, left, count }: PresenceBody): void {
    this.count = count;
    if (members) {
      this.list = new Map(members.map((member) => [member.id, member]));
      this.mayHaveMissed = true;
      return;
    }
    const { list } = this;
    if (!list) throw new Error('a push of a room that it is not in');
    // A change is never leaving and joining, and nobody is named twice.
    for (const member of joined) expect(list.has(member.id)).toBe(false);
    for (const { id } of changed) expect(list.has(id)).toBe(true);
    for (const id of left) expect(list.delete(id)).toBe(true);
    for (const member of joined) list.set(member.id, member);
    for (const { id, state } of changed)
      list.set(id, { ...(list.get(id) as PresenceMember), state });
  }
}

class Story {
  readonly #app: RoomsApp;
  readonly people: Person[];
  #sent = 0;
  #rev = 1;
  readers: readonly string[] = uids;

  constructor(app: RoomsApp) {
    this.#app = app;
    this.people = uids.map((uid) => new Person(uid, app.socket(uid)));
  }

  async step({ who, what, value }: Step): Promise<void> {
    const person = this.people[who] as Person;
    const isConnected = person.parked === undefined;
    if (what === 'tick') await this.#app.tick();
    else if (what === 'rights') await this.#setReaders(value);
    else if (what === 'slow') person.socket.isSlow = !person.socket.isSlow;
    else if (what === 'drop') this.#drop(person, value);
    else if (what === 'resume') await this.#resume(person);
    else if (isConnected && what === 'join') await this.#join(person, value);
    else if (isConnected && what === 'present') await this.#present(person, value);
    else if (isConnected && what === 'send') await this.#send(person);
    else if (isConnected && what === 'leave') await this.#leave(person);
    for (const each of this.people) each.read(this.#sent);
  }

  /** Everybody is back, and everything was pushed. */
  async end(): Promise<void> {
    for (const person of this.people) {
      person.socket.isSlow = false;
      await this.#resume(person);
    }
    await this.#app.tick();
    await this.#app.tick();
    for (const person of this.people) person.read(this.#sent);
  }

  /** Who should be in the list, by the model. */
  get members(): Map<string, JsonObject> {
    const members = this.people.filter(({ isIn, state }) => isIn && state !== undefined);
    return new Map(members.map(({ me, state }) => [me as string, state as JsonObject]));
  }

  #may(person: Person): boolean {
    return this.readers.includes(person.uid);
  }

  async #join(person: Person, value: number): Promise<void> {
    const state = value === 0 ? undefined : { n: value };
    const answer = await this.#app.join(person.socket, r, state);
    if (!this.#may(person)) {
      expect(answer.error).toMatchObject({ code: 403 });
      return;
    }
    // What came before the response is older than its list.
    person.read(this.#sent);
    person.joined(answer.body as never);
    if (!person.isIn) person.lastMessage = this.#sent;
    Object.assign(person, { isIn: true, state });
  }

  async #present(person: Person, value: number): Promise<void> {
    const body = value === 0 ? { n: null } : { n: value, [`k${value}`]: value };
    const answer = await this.#app.request(person.socket, { cmd: 'present', r, body });
    expect(answer.error === undefined).toBe(person.isIn);
    if (!person.isIn) return;
    const state: JsonObject = { ...person.state, ...body };
    if (value === 0) delete state.n;
    person.state = state;
  }

  async #send(person: Person): Promise<void> {
    const body = { event: 'e', data: this.#sent + 1 };
    const answer = await this.#app.request(person.socket, { cmd: 'send', r, body });
    expect(answer.error === undefined).toBe(this.#may(person));
    if (!answer.error) this.#sent += 1;
  }

  async #leave(person: Person): Promise<void> {
    const answer = await this.#app.request(person.socket, { cmd: 'leave', r });
    expect(answer.error === undefined).toBe(person.isIn);
    person.read(this.#sent);
    Object.assign(person, { isIn: false, state: undefined, list: undefined });
  }

  #drop(person: Person, value: number): void {
    const { rooms } = this.#app.services;
    if (person.parked === undefined) {
      person.parked = rooms.park(person.socket);
      // In no room: the next socket is a connection of its own.
      if (!person.parked) person.me = undefined;
      person.socket = this.#app.socket(person.uid);
    }
    // Sometimes the time of grace passes.
    if (value > 2) this.#app.platform.advance(grace);
  }

  async #resume(person: Person): Promise<void> {
    const { parked } = person;
    if (!parked) return;
    person.parked = undefined;
    this.#app.services.rooms.resume(person.socket, parked)();
    await this.#app.services.rooms.settled();
    this.#lose(person);
  }

  async #setReaders(value: number): Promise<void> {
    this.readers = uids.filter((_uid, index) => index !== value);
    const op = { op: 'set', key: 'readers', value: [...this.readers] };
    await this.#app.write({ cmd: 'update', r, rev: this.#rev, body: { ops: [op] } });
    this.#rev += 1;
    // Who is away is authorized when it comes back.
    for (const person of this.people) if (!person.parked) this.#lose(person);
  }

  #lose(person: Person): void {
    if (!this.#may(person)) Object.assign(person, { isIn: false, state: undefined });
  }
}

const what = fc.constantFrom(
  ...(['join', 'join', 'present', 'present', 'send', 'send', 'leave'] as const),
  ...(['tick', 'tick', 'drop', 'resume', 'slow', 'rights'] as const),
);
const step = fc.record({ who: fc.nat(uids.length - 1), what, value: fc.nat(6) });

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

test('[PRS6] [PRS7] [PRS9] [PRS10] whatever happens, each watcher ends with the list as it is, and gets each message at most once and in order', async () => {
  let messages = 0;
  let lists = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 80 }), async (steps) => {
      const app = await roomsApp({ rates: { sends: 0 } });
      await app.write({ cmd: 'create', r, body: { readers: uids } });
      const story = new Story(app);
      for (const each of steps) await story.step(each);
      await story.end();
      const { members } = story;
      for (const person of story.people) {
        if (!person.isIn) continue;
        const reported = [...(person.list ?? [])].map(([id, { state }]) => [id, state]);
        expect(new Map(reported as [string, JsonObject][])).toEqual(members);
        expect(person.count).toBe(members.size);
        messages += person.lastMessage;
        lists += 1;
      }
      expect(app.services.rooms.counts.members).toBe(members.size);
      await app.close();
    }),
    { numRuns: 60 },
  );
  expect(Math.min(messages, lists)).toBeGreaterThan(60);
});
