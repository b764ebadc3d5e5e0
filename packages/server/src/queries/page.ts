import { createHash } from 'node:crypto';
import { fail, isDeeperThan, type JsonValue, parseR, type RqlExpression } from '@really/protocol';
import type { Order, Place, Pos } from '../store/store.js';

/** What a page token belongs to: whoever asks the same question may use it. */
export interface Question {
  /** The collection, printed. */
  readonly r: string;
  readonly filter: RqlExpression | undefined;
  readonly order: Order;
}

/** Where a page begins: after a place in the order, or, walking back, before it. */
export interface PageStart {
  readonly place: Place;
  readonly back: boolean;
}

/** A page that goes on with a walk. */
export interface PageToken extends PageStart {
  /** The position of the store when the walk began; `undefined` where it goes by ids, which never change. */
  readonly since: Pos | undefined;
}

export interface PageTokens {
  readonly nextToken: string;
  readonly prevToken: string;
}

/** Levels that no value of an object has: a token with more was made up, and to look into it could go too deep. */
const deepest = 2048;

const tokenPath = 'cmdOpts.paginationToken';

/**
 * The tokens of a page from its first and last place. They hold the place itself, so that a walk goes
 * on from there whatever is written or deleted meanwhile, and the server keeps nothing of it.
 */
export function tokensOf(
  question: Question,
  { first, last, since }: { first: Place; last: Place; since: Pos | undefined },
): PageTokens {
  const key = keyOf(question);
  const token = (place: Place, direction: Direction) => encode(key, { place, direction, since });
  return { nextToken: token(last, 'next'), prevToken: token(first, 'prev') };
}

/** Reads a token. Throws 400 where it is none, or belongs to another query (rule REA6). */
export function pageStart(question: Question, token: string): PageToken {
  const content = decode(token);
  if (!content) throw fail.invalid(tokenPath, 'expected.token.of.a.read');
  if (content.key !== keyOf(question))
    throw fail.invalid(tokenPath, 'expected.token.of.this.query');
  const { place, since } = content;
  return { place, since, back: content.direction === 'prev' };
}

function keyOf({ r, filter, order }: Question): string {
  const text = JSON.stringify([r, filter ?? null, order.field, order.descending]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}

type Direction = 'next' | 'prev';

interface Content {
  readonly place: Place;
  readonly direction: Direction;
  readonly since: Pos | undefined;
}

function encode(key: string, { place, direction, since }: Content): string {
  const { r, value } = place;
  const content: JsonValue[] = [key, direction, r, since ?? null];
  if (value !== undefined) content.push(value);
  return Buffer.from(JSON.stringify(content)).toString('base64url');
}

function decode(token: string): (Content & { readonly key: string }) | undefined {
  const content = parse(Buffer.from(token, 'base64url').toString());
  if (!Array.isArray(content)) return undefined;
  const [key, direction, r, since, value] = content;
  if (typeof key !== 'string' || typeof r !== 'string') return undefined;
  if (direction !== 'next' && direction !== 'prev') return undefined;
  if (parseR(r)?.kind !== 'object') return undefined;
  if (since !== null && !isPosition(since)) return undefined;
  if (value !== undefined && isDeeperThan(value, deepest)) return undefined;
  return { key, direction, place: { r, value: value ?? undefined }, since: since ?? undefined };
}

function isPosition(value: JsonValue | undefined): value is Pos {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function parse(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}
