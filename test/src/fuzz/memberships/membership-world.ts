import type { Client } from '../../harness/client.js';
import type { Events } from '../../harness/events.js';
import type { FoldedWindow } from '../live-queries-window.js';
import { type AttemptContext, attempt } from './attempts.js';
import { CommitLog, type Database } from './commit-log.js';
import { AttendedCollection, FollowedObject } from './followed.js';
import { judgeHeard } from './judge-heard.js';
import { type Kind, type KindName, kinds, type Rules, roomOf } from './membership-kinds.js';
import {
  type Answer,
  type Heard,
  MembershipReader,
  type Surroundings,
} from './membership-reader.js';
import {
  everyRoom,
  type MembershipStep,
  type MembershipStory,
  readers,
  rooms,
} from './membership-steps.js';
import { MembershipWriters } from './membership-writers.js';
import { type Judgement, RightsOracle } from './rights-oracle.js';

/** The server of all stories. */
export interface StoryPlace {
  readonly url: string;
  readonly socketUrl: string;
  readonly database: Database;
  readonly writers: readonly Client[];
  /** Milliseconds within which what was written has to be pushed. */
  readonly patience: number;
  /** Loads other rules of a kind, in force when this resolves. */
  load(model: KindName, rules: Rules): Promise<void>;
  /** Resolves when nothing is left to follow from deletions. */
  cascaded(): Promise<void>;
}

/** What the stories did, to see that they do something. */
export const tally = { pushes: 0, answers: 0, markers: 0, checked: 0 };

/** One story: rooms of its own, those who write there, and those who read. */
export class MembershipWorld implements Surroundings, AttemptContext {
  readonly home: string;
  readonly model: KindName;
  readonly oracle: RightsOracle;
  readonly writers: MembershipWriters;
  readonly readers: readonly MembershipReader[];
  rules: readonly Rules[] = ['plain'];
  readonly #place: StoryPlace;
  readonly #kind: Kind;
  readonly #log: CommitLog;
  readonly #steps: readonly MembershipStep[];
  #heard: Heard[] = [];
  /** For failure reports: the steps, and what was heard in each. */
  readonly #said: string[] = [];
  #judgements: (() => string | undefined)[] = [];
  readonly #streams = new Map<string, Events>();

  constructor(place: StoryPlace, { model, steps }: MembershipStory, home: string) {
    this.#place = place;
    this.home = home;
    this.model = model;
    this.#steps = steps;
    this.#kind = kinds[model];
    const log = new CommitLog(place.database, home);
    this.#log = log;
    const oracle = new RightsOracle(log, model, this.#kind);
    this.oracle = oracle;
    this.writers = new MembershipWriters({ home, model, clients: place.writers, log, oracle });
    this.readers = readers.map((name) => new MembershipReader(this, name));
  }

  get url(): string {
    return this.#place.url;
  }
  get socketUrl(): string {
    return this.#place.socketUrl;
  }
  get isHidden(): boolean {
    return this.#kind.isHidden === true;
  }
  get acknowledged(): number {
    return this.writers.acknowledged;
  }
  position(): number {
    return this.#log.position();
  }
  heard(heard: Heard): void {
    this.#heard.push(heard);
    const { by, text, moment } = heard;
    this.#said.push(`  ${by} ${moment.from}..${moment.until} ${text}`);
  }
  judge(judgement: () => string | undefined): void {
    this.#judgements.push(judgement);
  }

  async play(): Promise<void> {
    try {
      await this.writers.setUp();
      await Promise.all(this.readers.map((reader) => reader.connect()));
      for (const step of this.#steps) {
        this.#said.push(JSON.stringify(step));
        await this.#take(step);
        this.#judgeAll();
      }
      await this.#check();
    } catch (error) {
      const said = this.#said.join('\n');
      const why = `${String(error)}\n${this.#log.describe()}\n${said}`;
      throw new Error(why, { cause: error });
    } finally {
      for (const events of this.#streams.values()) events[Symbol.dispose]();
      for (const reader of this.readers) reader.close();
      if (this.rules.includes('strict')) await this.#place.load(this.model, 'plain');
    }
  }

  async #take(step: MembershipStep): Promise<void> {
    const { writers } = this;
    switch (step.kind) {
      case 'burst':
        return await writers.burst(step.writes);
      case 'batch':
        return await writers.batch(step.writes);
      case 'switch':
        return await writers.switchTo(step.one, step.two);
      case 'watch':
        return void (await Promise.all([this.#watch(step), writers.burst(step.amid)]));
      case 'follow':
        return void (await Promise.all([this.#follow(step), writers.burst(step.amid)]));
      case 'attend':
        return void (await Promise.all([this.#attend(step), writers.burst(step.amid)]));
      case 'drop':
        return await this.#drop(step);
      case 'renew': {
        const reader = this.#reader(step.who);
        await Promise.all([reader.renew(step.team), writers.burst(step.amid)]);
        return;
      }
      case 'try': {
        const reader = this.#reader(step.who);
        const tried = step.attempts.map((one) => attempt(this, reader, one));
        await Promise.all([...tried, writers.burst(step.amid)]);
        return;
      }
      case 'reload':
        return await this.#reload(step.isStrict ? 'strict' : 'plain');
      case 'raze':
        await writers.raze(step.room);
        return await this.#place.cascaded();
      case 'check':
        return await this.#check();
      default:
        return step satisfies never;
    }
  }

  async #watch({ who, room, question }: Extract<MembershipStep, { kind: 'watch' }>): Promise<void> {
    const id = room === everyRoom ? '*' : rooms[room];
    const answered = await this.#reader(who).watch(
      `${this.home}/rooms/${id}/${this.model}/*`,
      question,
    );
    this.#judgeBegin(answered, room === everyRoom ? undefined : this.writers.room(room));
  }

  async #follow({ who, which }: Extract<MembershipStep, { kind: 'follow' }>): Promise<void> {
    const r = this.writers.object(which);
    const reader = this.#reader(who);
    if (r === undefined) return;
    if (reader.objects.has(r) && !reader.objects.get(r)?.ended) return;
    await this.#judgedFollow(reader, new FollowedObject(r));
  }

  async #judgedFollow(reader: MembershipReader, object: FollowedObject): Promise<void> {
    const { moment } = await reader.follow(object);
    const { r, ended } = object;
    if (!ended) return;
    this.judge(() => {
      const isRight = this.oracle.isAnswer(moment, (one) => !this.oracle.sight(r, one)?.hear);
      return isRight ? undefined : `${reader.name} may not follow ${r}: ${JSON.stringify(ended)}`;
    });
  }

  async #attend({ who, room }: Extract<MembershipStep, { kind: 'attend' }>): Promise<void> {
    const reader = this.#reader(who);
    const r = `${this.writers.room(room)}/${this.model}/*`;
    if (reader.collections.some((one) => one.r === r)) return;
    const collection = new AttendedCollection(this.writers.room(room), r, 0);
    const answered = await reader.attend(collection);
    const error = answered.answer.body.failures?.[0]?.error;
    this.#judgeBegin({ ...answered, answer: { ...answered.answer, error } }, collection.room);
  }

  /** Only where a rule says no whatever the object, a collection is refused. */
  #judgeBegin({ answer: { error }, moment }: Answer, room: string | undefined): void {
    if (!error) return;
    this.judge(() => {
      if (room === undefined) return `refused: ${JSON.stringify(error)}`;
      const isRefused = (one: Judgement) => this.oracle.sharedSight(room, one)?.hear === false;
      if (this.oracle.isAnswer(moment, isRefused)) return undefined;
      return `refused: ${JSON.stringify({ error, moment })}`;
    });
  }

  async #drop({ who, during, lost }: Extract<MembershipStep, { kind: 'drop' }>): Promise<void> {
    const reader = this.#reader(who);
    reader.drop(lost);
    const half = during.length >> 1;
    await this.writers.burst(during.slice(0, half));
    // The rest is written while it comes back.
    await Promise.all([reader.comeBack(lost), this.writers.burst(during.slice(half))]);
  }

  async #reload(rules: Rules): Promise<void> {
    this.rules = [...new Set([...this.rules, rules])];
    await this.#place.load(this.model, rules);
    await Promise.all(this.readers.map((reader) => reader.request({ cmd: 'ping' })));
    this.rules = [rules];
  }

  listenTo(reader: MembershipReader, from: number, events: Events): void {
    this.#streams.get(reader.name)?.[Symbol.dispose]();
    this.#streams.set(reader.name, events);
    const { claims } = reader.moment();
    const note = (text: string, isPush: boolean) => {
      const { until, rules } = reader.moment();
      const moment = { from, until, claims, rules };
      const message = isPush ? JSON.parse(text) : undefined;
      this.heard({ by: reader.name, text, message, isPush, moment });
    };
    const listen = async () => {
      for (;;) {
        const { event, data } = await events.next();
        note(JSON.stringify(data), event !== 'items');
      }
    };
    listen().catch(() => {});
  }

  /** Judges everything heard so far. Call when all writes are answered. */
  #judgeAll(): void {
    this.#log.readOn();
    const heard = this.#heard;
    const judgements = this.#judgements;
    this.#heard = [];
    this.#judgements = [];
    for (const one of heard) {
      tally[one.isPush ? 'pushes' : 'answers'] += 1;
      tally.markers += one.text.match(/<m\d+>/g)?.length ?? 0;
      const wrong = judgeHeard(this.oracle, one);
      if (wrong)
        throw new Error(`${one.by} heard ${one.text}: ${wrong} ${JSON.stringify(one.moment)}`);
    }
    for (const judgement of judgements) {
      const wrong = judgement();
      if (wrong) throw new Error(wrong);
    }
  }

  /** What everybody has is, or comes to be, what they may have. */
  async #check(): Promise<void> {
    for (const reader of this.readers) {
      reader.listen();
      for (const window of reader.windows) {
        if (window.failed) this.#judgeBegin(await reader.begin(window), roomOfWindow(window));
      }
      for (const one of reader.collections.filter(({ ended }) => ended)) {
        const answered = await reader.attend(one);
        const error = answered.answer.body.failures?.[0]?.error;
        this.#judgeBegin({ ...answered, answer: { ...answered.answer, error } }, one.room);
      }
      for (const { r } of [...reader.objects.values()].filter(({ ended }) => ended))
        await this.#judgedFollow(reader, new FollowedObject(r));
      await this.#settle(reader);
      this.#judgeAll();
    }
  }

  async #settle(reader: MembershipReader): Promise<void> {
    const deadline = performance.now() + this.#place.patience;
    for (;;) {
      await reader.request({ cmd: 'ping' });
      reader.listen();
      this.#log.readOn();
      const difference = this.#differenceOf(reader);
      if (difference === undefined) break;
      if (performance.now() > deadline) throw new Error(`${reader.name}: ${difference}`);
    }
    tally.checked += 1;
    for (const window of reader.windows) window.beStrict();
    for (const object of reader.objects.values()) object.isLenient = false;
  }

  #differenceOf(reader: MembershipReader): string | undefined {
    const { claims, until } = reader.moment();
    const [one] = claims;
    const [rules] = this.rules;
    if (!one || !rules) return 'no rights';
    const now: Judgement = { pos: until, claims: one, rules };
    for (const window of reader.windows) {
      if (window.failed) continue;
      const items = this.oracle.items(roomOfWindow(window), window.question, now, 'hear');
      const difference = window.differenceTo(items);
      if (difference !== undefined) return `${difference}: ${window.describe()}`;
    }
    for (const object of reader.objects.values()) {
      const difference = this.#differenceOfObject(object, now);
      if (difference !== undefined) return `${difference}: ${object.describe()}`;
    }
    for (const collection of reader.collections) {
      const missing = this.#missedIn(reader, collection, now);
      if (missing !== undefined) return missing;
    }
    return undefined;
  }

  #differenceOfObject(object: FollowedObject, now: Judgement): string | undefined {
    if (object.ended) return undefined;
    const item = this.oracle.item(object.r, now, 'hear');
    if (!item) return 'has not ended';
    for (const name of item.meta.fields) {
      const [held, should] = [object.data[name] ?? null, item.body[name] ?? null];
      if (held !== should) return `${name} is ${held}, and should be ${should}`;
    }
    return undefined;
  }

  /** What was created, and could be seen ever since. */
  #missedIn(
    reader: MembershipReader,
    { room, since, heard, ended }: AttendedCollection,
    now: Judgement,
  ): string | undefined {
    if (ended) return undefined;
    if (this.oracle.sharedSight(room, now)?.hear === false) return `${room} has not ended`;
    for (const r of this.#log.known()) {
      if (roomOf(r) !== room || r.split('/')[5] !== this.model || heard.has(r)) continue;
      const pos = this.#log.positionOf(r, 1) ?? 0;
      const rules: Rules[] = ['plain', 'strict'];
      const claims = ['red', 'blue'].map((team) => ({ uid: reader.name, team }));
      const moment = { from: since, until: now.pos, claims, rules };
      const states = [...this.oracle.judgements(moment, pos)];
      if (pos > since && states.every((one) => this.oracle.sight(r, one)?.hear))
        return `${r} was not heard`;
    }
    return undefined;
  }

  #reader(who: number): MembershipReader {
    const reader = this.readers[who];
    if (!reader) throw new Error('nobody');
    return reader;
  }
}

/** `undefined`: all rooms. */
function roomOfWindow({ r }: FoldedWindow): string | undefined {
  const room = roomOf(r);
  return room.endsWith('*') ? undefined : room;
}
