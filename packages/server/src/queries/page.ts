import { createHash } from 'node:crypto';
import { fail, type JsonValue, parseR, type RqlExpression } from '@really/protocol';
import type { Order, Place } from '../store/store.js';

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

export interface PageTokens {
  readonly nextToken: string;
  readonly prevToken: string;
}

const tokenPath = 'cmdOpts.paginationToken';

/**
 * The tokens of a page from its first and last place. They hold the place itself, so that a walk goes
 * on from there whatever is written or deleted meanwhile, and the server keeps nothing of it.
 */
export function tokensOf(question: Question, first: Place, last: Place): PageTokens {
  const key = keyOf(question);
  return { nextToken: encode(key, last, 'next'), prevToken: encode(key, first, 'prev') };
}

/** Reads a token. Throws 400 where it is none, or belongs to another query (rule REA6). */
export function pageStart(question: Question, token: string): PageStart {
  const content = decode(token);
  if (!content) throw fail.invalid(tokenPath, 'expected.token.of.a.read');
  if (content.key !== keyOf(question))
    throw fail.invalid(tokenPath, 'expected.token.of.this.query');
  return { place: content.place, back: content.direction === 'prev' };
}

function keyOf({ r, filter, order }: Question): string {
  const text = JSON.stringify([r, filter ?? null, order.field, order.descending]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}

function encode(key: string, { r, value }: Place, direction: 'next' | 'prev'): string {
  const content: JsonValue[] = [key, direction, r];
  // Lists and objects are all alike in an order, so that an empty one stands for any.
  if (value !== undefined) content.push(typeof value === 'object' ? {} : value);
  return Buffer.from(JSON.stringify(content)).toString('base64url');
}

interface Content {
  readonly key: JsonValue;
  readonly direction: 'next' | 'prev';
  readonly place: Place;
}

function decode(token: string): Content | undefined {
  const content = parse(Buffer.from(token, 'base64url').toString());
  if (!Array.isArray(content)) return undefined;
  const [key, direction, r, value] = content;
  if (typeof key !== 'string' || typeof r !== 'string') return undefined;
  if (direction !== 'next' && direction !== 'prev') return undefined;
  if (parseR(r)?.kind !== 'object') return undefined;
  return { key, direction, place: { r, value: typeof value === 'object' ? {} : value } };
}

function parse(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}
