import type { JsonObject } from '@really/protocol';
import type { Client, ServerMessage } from '../../harness/client.js';
import type { CommitLog } from './commit-log.js';
import type { KindName } from './membership-kinds.js';
import { type MembershipWrite, people, readers, rooms, teams } from './membership-steps.js';
import type { RightsOracle } from './rights-oracle.js';

/** A command, and what it sets. */
interface PlannedWrite {
  readonly cmd: 'create' | 'update' | 'delete';
  readonly r: string;
  readonly fields: JsonObject;
  readonly once: string;
}

/** `who`: of whom the next write need not wait; nobody after a deletion. */
interface LastWrite {
  readonly who: number | undefined;
  readonly sent: Promise<unknown>;
  readonly answered: Promise<unknown>;
}

let numbers = 0;

/** What is refused because its object, or the room around it, was deleted. */
const isOver = ({ code, message }: NonNullable<ServerMessage['error']>) =>
  code === 410 ||
  ['object.parent.missing', 'object.missing', 'object.revision.unknown'].includes(message);

/** Writes everything of a story, and notes down what was committed. Writes to one object wait for each other. */
export class MembershipWriters {
  readonly #home: string;
  readonly #model: KindName;
  readonly #clients: readonly Client[];
  readonly #log: CommitLog;
  readonly #oracle: RightsOracle;
  /** Revisions by R that there are when all that was sent is done; 0 where it was deleted. */
  readonly #revs = new Map<string, number>();
  /** The last write to each R. */
  readonly #last = new Map<string, LastWrite>();
  /** Objects of the story, as they were made. */
  readonly objects: string[] = [];
  /** Ids of writes, for those who try to use them. */
  readonly onceIds: { readonly r: string; readonly once: string }[] = [];
  /** Who was expelled does not come back. */
  readonly #expelled = new Set<string>();
  acknowledged = 0;

  constructor(deps: {
    readonly home: string;
    readonly model: KindName;
    readonly clients: readonly Client[];
    readonly log: CommitLog;
    readonly oracle: RightsOracle;
  }) {
    this.#home = deps.home;
    this.#model = deps.model;
    this.#clients = deps.clients;
    this.#log = deps.log;
    this.#oracle = deps.oracle;
    this.acknowledged = deps.log.position();
  }

  room(number: number): string {
    return `${this.#home}/rooms/${rooms[number]}`;
  }

  revOf(r: string): number {
    return this.#revs.get(r) ?? 0;
  }

  /** Everything that rights depend on, and who is a member at first. */
  async setUp(): Promise<void> {
    const home = this.#home;
    const member = (room: number, uid: string, role: string) =>
      planned('create', `${this.room(room)}/members/${uid}`, { role });
    await this.#send(0, [
      planned('create', home, {}),
      ...people.map((id, at) =>
        planned('create', `${home}/people/${id}`, { uid: readers[at] ?? '', open: false }),
      ),
      ...teams.map((id) => planned('create', `${home}/teams/${id}`, { open: false })),
      planned('create', `${home}/switches/one`, { open: true }),
      planned('create', `${home}/switches/two`, { open: true }),
      ...rooms.map((_, at) =>
        planned('create', this.room(at), { boss: `${home}/people/${people[at]}` }),
      ),
      ...[member(0, 'eve', 'owner'), member(1, 'eve', 'editor'), member(1, 'ivan', 'editor')],
      ...['amal', 'beno'].flatMap((uid) => [member(0, uid, 'editor'), member(1, uid, 'owner')]),
    ]);
  }

  async write(who: number, write: MembershipWrite): Promise<void> {
    const plan = this.#planOf(write);
    if (plan) await this.#send(who, [plan]);
  }

  async burst(writes: readonly (readonly [number, MembershipWrite])[]): Promise<void> {
    await Promise.all(writes.map(([who, write]) => this.write(who, write)));
  }

  /** What is created or deleted is so once. */
  async batch(writes: readonly MembershipWrite[]): Promise<void> {
    const plans: PlannedWrite[] = [];
    for (const write of writes) {
      const plan = this.#planOf(write);
      const others = plans.filter(({ r }) => r === plan?.r);
      const isUpdate = plan?.cmd === 'update' && others.every(({ cmd }) => cmd !== 'delete');
      if (plan && (isUpdate || others.length === 0)) plans.push(plan);
    }
    await this.#send(0, plans);
  }

  async switchTo(one: boolean, two: boolean): Promise<void> {
    const at = (id: string, open: boolean) =>
      planned('update', `${this.#home}/switches/${id}`, { open });
    await this.#send(1, [at('one', one), at('two', two)]);
  }

  async raze(room: number): Promise<void> {
    await this.#send(0, [planned('delete', this.room(room), {})]);
  }

  /**
   * Resolves when it was answered. What one writer writes to an object is sent without waiting, as the server keeps the
   * order; anything else, and a deletion, waits until earlier writes to the object are answered.
   */
  async #send(who: number, plans: readonly PlannedWrite[]): Promise<void> {
    const before = plans.map(({ cmd, r }) => {
      const last = this.#last.get(r);
      return last?.who === who && cmd !== 'delete' ? last.sent : last?.answered;
    });
    const sent = Promise.all(before).then(() => ({ answered: this.#sendNow(who, plans) }));
    const answered = sent.then((one) => one.answered);
    const isDeletion = plans.some(({ cmd }) => cmd === 'delete');
    const last = {
      who: isDeletion ? undefined : who,
      sent: sent.catch(() => {}),
      answered: answered.catch(() => {}),
    };
    for (const { r } of plans) this.#last.set(r, last);
    await answered;
  }

  /** Sends at once. */
  #sendNow(who: number, plans: readonly PlannedWrite[]): Promise<void> {
    // Another write may have deleted it meanwhile; what was not created yet never will be.
    const open = plans.filter(({ cmd, r }) => cmd === 'create' || this.revOf(r) > 0);
    const [first] = open;
    const client = this.#clients[who];
    if (!first || !client) return Promise.resolve();
    if (open.some(({ cmd }) => cmd === 'delete')) this.#log.readOn();
    const sent = open.map((plan) => this.#commandOf(plan));
    if (open.length > 1) return this.#learnBatch(open, client.request(batchOf(sent)));
    const cmdOpts = { once: first.once };
    this.onceIds.push({ r: first.r, once: first.once });
    const answer = client.request({ ...sent[0]?.command, cmdOpts });
    return answer.then((message) => void this.#learn(first, sent[0]?.rev ?? 0, message));
  }

  async #learnBatch(plans: readonly PlannedWrite[], answer: Promise<ServerMessage>): Promise<void> {
    const { body, error } = await answer;
    if (error && isOver(error)) return;
    if (error) throw new Error(`a batch was refused: ${JSON.stringify({ error, plans })}`);
    const revisions = plans.map((plan, at) => this.#learn(plan, undefined, body.results[at]));
    this.#log.wroteTogether(revisions.flatMap((one) => one ?? []));
  }

  /** The command, and the revision that it makes if all before it are carried out. */
  #commandOf({ cmd, r, fields }: PlannedWrite) {
    const before = this.revOf(r);
    const rev = cmd === 'create' ? 1 : before + 1;
    this.#revs.set(r, cmd === 'delete' ? 0 : rev);
    return { rev, command: commandWith({ cmd, r, fields }, before) };
  }

  #learn({ cmd, r, fields }: PlannedWrite, planned: number | undefined, answer: ServerMessage) {
    const { error } = answer;
    if (error && isOver(error)) return undefined;
    if (error) throw new Error(`a write was refused: ${JSON.stringify({ cmd, r, fields, error })}`);
    this.#log.readOn();
    const rev = cmd === 'create' ? 1 : (answer.rev ?? planned ?? this.#log.revOfDeletion(r) ?? 0);
    this.#log.wrote(r, rev, fields);
    this.#oracle.committed(fields, rev);
    this.acknowledged = Math.max(this.acknowledged, this.#log.positionOf(r, rev) ?? 0);
    return { r, rev };
  }

  #planOf(write: MembershipWrite): PlannedWrite | undefined {
    switch (write.what) {
      case 'create': {
        const r = `${this.room(write.room)}/${this.#model}/o${this.objects.length}`;
        this.objects.push(r);
        return planned('create', r, this.#fieldsOf(r, { text: true, secret: true, ...write.set }));
      }
      case 'update': {
        const r = this.object(write.which);
        const fields = r === undefined ? {} : this.#fieldsOf(r, write.set);
        if (r === undefined || Object.keys(fields).length === 0) return undefined;
        return planned('update', r, fields);
      }
      case 'delete': {
        const r = this.object(write.which);
        return r === undefined ? undefined : planned('delete', r, {});
      }
      case 'open':
        return planned('update', this.#thing(write.thing), { open: write.open });
      case 'boss':
        return planned('update', this.room(write.room), {
          boss: `${this.#home}/people/${people[write.person]}`,
        });
      case 'permit': {
        const r = this.object(write.which);
        if (r === undefined) return undefined;
        const [room = '', id = ''] = r.split(`/${this.#model}/`);
        return this.#put(`${room}/permits/${id}`, write.set);
      }
      default:
        return this.#membershipOf(write);
    }
  }

  /** A membership that its cast allows: one is never a member, one never again, one in a single room. */
  #membershipOf(
    write: Extract<MembershipWrite, { what: 'grant' | 'visit' | 'expel' }>,
  ): PlannedWrite | undefined {
    const uid = readers[write.who] ?? 'amal';
    const r = `${this.room(uid === 'ivan' ? 1 : write.room)}/members/${uid}`;
    if (write.what === 'expel') {
      if (uid === 'eve') this.#expelled.add(uid);
      return planned('delete', r, {});
    }
    const canJoin = uid !== 'mala' && !this.#expelled.has(uid);
    if (write.what === 'visit') return planned('update', r, { visits: numbers++ });
    if (!canJoin && write.role !== null) return undefined;
    return this.#put(r, { role: write.role });
  }

  #put(r: string, fields: JsonObject): PlannedWrite | undefined {
    if (Object.keys(fields).length === 0) return undefined;
    const rev = this.#revs.get(r);
    if (rev !== undefined || this.#last.has(r)) return planned('update', r, fields);
    return planned('create', r, fields);
  }

  object(which: number): string | undefined {
    return this.objects[which % Math.max(1, this.objects.length)];
  }

  #thing(number: number): string {
    const things = [
      ...people.map((id) => `${this.#home}/people/${id}`),
      ...teams.map((id) => `${this.#home}/teams/${id}`),
      ...rooms.map((_, at) => this.room(at)),
    ];
    return things[number] ?? this.room(0);
  }

  #fieldsOf(r: string, { text, secret, ref, ...rest }: JsonObject): JsonObject {
    const mark = (field: 'text' | 'secret') => this.#oracle.mark(r, field, numbers++);
    return {
      ...rest,
      ...(text === true && { text: mark('text') }),
      ...(secret === true && { secret: mark('secret') }),
      ...(ref !== undefined && {
        ref: ref === null ? null : `${this.#home}/people/${people[Number(ref)]}`,
      }),
    };
  }
}

function commandWith(
  { cmd, r, fields }: Pick<PlannedWrite, 'cmd' | 'r' | 'fields'>,
  rev: number,
): JsonObject {
  if (cmd === 'create') return { cmd, r, body: fields };
  if (cmd === 'delete') return { cmd, r };
  const ops = Object.entries(fields).map(([key, value]) => ({ op: 'set', key, value }));
  return { cmd, r, rev, body: { ops } };
}

function batchOf(sent: readonly { readonly command: JsonObject }[]): JsonObject {
  return { cmd: 'batch', body: { commands: sent.map(({ command }) => command) } };
}

function planned(cmd: PlannedWrite['cmd'], r: string, fields: JsonObject): PlannedWrite {
  return { cmd, r, fields, once: `id-${numbers++}` };
}
