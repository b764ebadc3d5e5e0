import { deepEqual, type JsonObject } from '@really/protocol';
import { Client, type ServerMessage } from '../../harness/client.js';
import { Events } from '../../harness/events.js';
import { type KindName, roomOf } from './membership-kinds.js';
import {
  type Answer,
  type HttpAnswer,
  type MembershipReader,
  readOf,
} from './membership-reader.js';
import type { Attempt, Question } from './membership-steps.js';
import type { MembershipWriters } from './membership-writers.js';
import { type Judgement, type Moment, plainBody, type RightsOracle } from './rights-oracle.js';

/** What an attempt needs to know of the world. */
export interface AttemptContext {
  readonly url: string;
  readonly socketUrl: string;
  readonly home: string;
  readonly model: KindName;
  readonly isHidden: boolean;
  readonly oracle: RightsOracle;
  readonly writers: MembershipWriters;
  readonly readers: readonly MembershipReader[];
  /** Judged once all writes are answered: what is wrong, if anything. */
  judge(judgement: () => string | undefined): void;
  /** A stream that somebody opened, to be noted down as long as it lasts. */
  listenTo(reader: MembershipReader, from: number, events: Events): void;
  /** See `Surroundings`. */
  readonly acknowledged: number;
}

interface Try {
  readonly context: AttemptContext;
  readonly reader: MembershipReader;
  readonly which: number;
  /** Some object, and one beside it that there never was. */
  readonly r: string;
  readonly ghost: string;
}

let made = 0;

/** Tries something, of which the answer is judged later. */
export async function attempt(
  context: AttemptContext,
  reader: MembershipReader,
  [what, which]: readonly [Attempt, number],
): Promise<void> {
  const r = context.writers.object(which);
  if (r === undefined) return;
  const ghost = `${r.slice(0, r.lastIndexOf('/'))}/ghost`;
  await tries[what]({ context, reader, which, r, ghost });
}

const tries: Record<Attempt, (one: Try) => Promise<void>> = {
  get: async (one) => {
    const { answer, moment } = await alike(one, (r) => ({ cmd: 'get', r }));
    judgeGet(one, answer, moment);
  },
  read: async (one) => {
    const question = questionOf(one);
    const r = `${roomOf(one.r)}/${one.context.model}`;
    const { answer, moment } = await one.reader.request(readOf(r, question));
    judgeRead(one, { room: roomOf(one.r), question }, answer, moment);
    const everywhere = `${one.context.home}/rooms/*/${one.context.model}`;
    const all = await one.reader.request(readOf(everywhere, question, { includeTotalCount: true }));
    judgeRead(one, { room: undefined, question }, all.answer, all.moment);
  },
  count: async (one) => {
    const { filter } = questionOf(one);
    const room = roomOf(one.r);
    const cmdOpts = filter ? { query: filter } : {};
    const { answer, moment } = await one.reader.request({
      cmd: 'count',
      r: `${room}/${one.context.model}`,
      cmdOpts,
    });
    judgeCount(one, filter, answer.body, moment);
  },
  history: async (one) => {
    await alike(one, (r) => ({ cmd: 'history', r }));
  },
  page: async ({ context, reader, which, r }) => {
    const old = reader.pageTokens[which % Math.max(1, reader.pageTokens.length)];
    if (old) await reader.request(readOf(old.r, old.question, { paginationToken: old.pos }));
    const question: Question = { limit: 1, sort: which % 2 === 0 ? 'secret' : 'n' };
    const collection = `${roomOf(r)}/${context.model}`;
    const { answer } = await reader.request(readOf(collection, question));
    const pos = answer.body?.tokens?.nextToken;
    if (pos !== undefined) reader.pageTokens.push({ r: collection, question, pos });
  },
  since: async ({ reader, which }) => {
    const past = reader.past[which % Math.max(1, reader.past.length)];
    if (!past) return;
    const { answer } = await reader.request(
      readOf(past.r, past.question, { subscribe: true, since: past.pos }),
    );
    await endQuery(reader, answer);
  },
  rev: async (one) => {
    const { reader, which } = one;
    if (reader.objects.has(one.r)) return;
    const item = (r: string) => (which % 2 === 0 ? { r } : { r, rev: 1 });
    const { answer } = await alike(one, (r) => ({
      cmd: 'subscribe',
      body: { subscriptions: [item(r)] },
    }));
    if (answer.body?.subscriptions?.length > 0)
      await reader.request({ cmd: 'unsubscribe', body: { subscriptions: [one.r] } });
  },
  etag: async (one) => {
    const { reader, r } = one;
    const known = reader.etags.get(r);
    const headers: Record<string, string> = known ? { 'if-none-match': known.etag } : {};
    const answer = await reader.fetch(r, { headers });
    if (answer.status === 304) judgeUnchanged(one, known?.body, answer.moment);
    else if (answer.status === 200) {
      judgeGet(one, { body: answer.body.body ?? answer.body }, answer.moment);
      if (answer.etag) reader.etags.set(r, { etag: answer.etag, body: bodyOf(answer) });
    }
  },
  http: async (one) => {
    const { context, reader, r } = one;
    const question = questionOf(one);
    const collection = `${roomOf(r)}/${context.model}`;
    const { filter, ...rest } = question;
    const post = (path: string, body: JsonObject) =>
      reader.fetch(`${collection}/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const query = filter ? { query: filter } : {};
    const read = await post('_query', { ...query, ...rest } as JsonObject);
    judgeRead(one, { room: roomOf(r), question }, messageOf(read), read.moment);
    const count = await post('_count', query as JsonObject);
    judgeCount(one, filter, bodyOf(count), count.moment);
    await reader.fetch(`${r}?history`);
  },
  stream: async ({ context, reader, which, r }) => {
    const collection = `${roomOf(r)}/${context.model}`;
    const paths = [r, collection, `${collection}?limit=3`, `${collection}?filter=n<3`];
    const path = encodeURI(paths[which % paths.length] ?? r);
    const last = reader.past.at(-1)?.pos;
    const headers: Record<string, string> = { authorization: `Bearer ${reader.token}` };
    if (which > 3 && last !== undefined) headers['last-event-id'] = last;
    const from = context.acknowledged;
    const events = await Events.open(`${context.url}/v0.1${path}`, headers);
    context.listenTo(reader, from, events);
  },
  write: async (one) => {
    const { context } = one;
    const rev = context.writers.revOf(one.r) || 1;
    const ops = [{ op: 'set', key: 'n', value: 1 }];
    const commands: ((r: string) => JsonObject)[] = [
      (r) => ({ cmd: 'update', r, rev, body: { ops } }),
      (r) => ({ cmd: 'delete', r }),
      (r) => ({ cmd: 'delete', r, rev }),
      (r) => ({ cmd: 'create', r, body: { text: 'mine' } }),
      (r) => ({ cmd: 'batch', body: { commands: [{ cmd: 'update', r, rev, body: { ops } }] } }),
    ];
    const command = commands[one.which % commands.length];
    if (command) await refused(one, command);
  },
  once: async (one) => {
    const { onceIds } = one.context.writers;
    const other = onceIds[one.which % Math.max(1, onceIds.length)];
    if (!other) return;
    const cmdOpts = { once: other.once };
    await refused({ ...one, r: other.r }, (r) => ({ cmd: 'delete', r, cmdOpts }));
  },
  refer: async (one) => {
    const { context, reader } = one;
    const number = made++;
    const links = new Map(
      [one.r, one.ghost].map((r, at) => [r, `${context.home}/links/l${number}-${at}`]),
    );
    await alike(one, (r) => ({
      cmd: 'create',
      r: links.get(r) ?? '',
      body: { [context.model]: r },
    }));
    await reader.request({ cmd: 'get', r: links.get(one.r) ?? '' });
    await reader.request({ cmd: 'read', r: `${context.home}/links` });
  },
  join: async (one) => {
    const { answer } = await alike(one, (r) => ({ cmd: 'join', r }));
    if (!answer.error) await one.reader.request({ cmd: 'leave', r: one.r });
  },
  handle: async ({ context, reader, which }) => {
    const other = context.readers[which % context.readers.length];
    if (!other || other === reader) return;
    using client = await Client.open(context.socketUrl);
    const { body } = await client.request({
      cmd: 'initialize',
      accessToken: reader.token,
      ...{ 'connection-handle': other.handle, received: 0 },
    });
    if (body?.resumed !== false) throw new Error(`${reader.name} took the handle of ${other.name}`);
  },
};

function questionOf({ context, which }: Try): Question {
  const secret = { marker: context.oracle.someMarker('secret', which) };
  const text = { marker: context.oracle.someMarker('text', which) };
  const questions: readonly Question[] = [
    {},
    { filter: { filter: 'secret = $marker', values: secret } },
    { filter: { filter: 'text starts with $marker', values: text } },
    { filter: { filter: 'n >= $n', values: { n: 0 } }, sort: 'secret' },
    { sort: '-n', limit: 2 },
    { filter: { filter: 'secret != null', values: {} }, sort: 'n' },
  ];
  return questions[which % questions.length] ?? {};
}

async function endQuery(reader: MembershipReader, { meta }: ServerMessage): Promise<void> {
  if (typeof meta?.subscription !== 'string') return;
  await reader.request({ cmd: 'unsubscribe', body: { subscriptions: [meta.subscription] } });
}

/** Where a model hides its objects, what may not be seen answers as what never was. */
async function alike(one: Try, command: (r: string) => JsonObject): Promise<Answer> {
  const { context, reader, r, ghost } = one;
  const first = await reader.request(command(r));
  if (!context.isHidden || r.split('/')[5] !== context.model) return first;
  const second = await reader.request(command(ghost));
  const moment = { ...first.moment, until: second.moment.until };
  const { oracle } = context;
  // Of a deleted object a rule that looks at no object still says who may know of it.
  const mayKnow = (one: Judgement) =>
    (oracle.sharedSight(roomOf(r), one) ?? oracle.sight(r, one))?.read === true;
  context.judge(() => {
    if (oracle.isAnswer(moment, mayKnow)) return undefined;
    const [real, unreal] = [first, second].map(({ answer }, at) => anonymous(answer, at, one));
    if (deepEqual(real, unreal)) return undefined;
    return `${reader.name} learns that ${r} exists: ${JSON.stringify([first.answer, second.answer])}`;
  });
  return first;
}

function anonymous(
  { tag: _, ...answer }: ServerMessage,
  at: number,
  { r, ghost }: Try,
): JsonObject {
  const text = JSON.stringify(answer).replaceAll(at === 0 ? r : ghost, '(r)');
  const links = text.replace(/"[^"]*\/links\/[\w-]+"/g, '"(link)"');
  const views = links.replace(/"(view|joined|at)":"[^"]+"/g, '"$1":"(text)"');
  return JSON.parse(views) as JsonObject;
}

/** Nobody who tries writes anything. */
async function refused(one: Try, command: (r: string) => JsonObject): Promise<void> {
  const { answer } = await alike(one, command);
  if (!answer.error) throw new Error(`${one.reader.name} wrote: ${JSON.stringify(answer)}`);
  if (JSON.stringify(answer).includes('once.reused')) throw new Error('an id of another is known');
}

function judgeGet({ context, reader, r }: Try, answer: ServerMessage, moment: Moment): void {
  const { oracle } = context;
  context.judge(() => {
    const isRight = oracle.isAnswer(moment, (judgement) => {
      const item = oracle.item(r, judgement, 'read');
      if (answer.error) return item === undefined;
      return item !== undefined && deepEqual(plainBody(answer.body), item.body);
    });
    return isRight ? undefined : `${reader.name} got ${r}: ${JSON.stringify({ answer, moment })}`;
  });
}

function judgeUnchanged({ context, reader, r }: Try, body: JsonObject = {}, moment: Moment): void {
  const { oracle } = context;
  context.judge(() => {
    const isRight = oracle.isAnswer(moment, (judgement) => {
      const item = oracle.item(r, judgement, 'read');
      return item !== undefined && deepEqual(plainBody(body), item.body);
    });
    return isRight ? undefined : `${reader.name} was told 304 of ${r}: ${JSON.stringify(moment)}`;
  });
}

function judgeRead(
  { context, reader }: Try,
  { room, question }: { readonly room: string | undefined; readonly question: Question },
  { body, error }: ServerMessage,
  moment: Moment,
): void {
  const { oracle } = context;
  if (error?.code === 503 || error?.code === 429) return;
  context.judge(() => {
    if (error) return `${reader.name} could not read: ${JSON.stringify(error)}`;
    if (oracle.isFound(moment, room, question, body.items)) return undefined;
    return `${reader.name} read ${room}: ${JSON.stringify({ question, body, moment })}`;
  });
}

function judgeCount(
  { context, reader, r }: Try,
  filter: Question['filter'],
  body: { totalResults?: number } | undefined,
  moment: Moment,
): void {
  const { oracle } = context;
  context.judge(() => {
    const { least, most } = oracle.countsOf(moment, roomOf(r), filter);
    const total = body?.totalResults ?? -1;
    if (total >= least && total <= most) return undefined;
    return `${reader.name} counted ${total} in ${r}: ${JSON.stringify({ filter, least, most, moment })}`;
  });
}

/** The body of an answer over HTTP, which is the message of a socket without its tag. */
function bodyOf({ body }: HttpAnswer) {
  return body?.body ?? body;
}

function messageOf(answer: HttpAnswer): ServerMessage {
  return answer.status < 400 ? { body: bodyOf(answer) } : (answer.body as ServerMessage);
}
