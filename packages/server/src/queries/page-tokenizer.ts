import { createHash } from 'node:crypto';
import { canonicalText, fail, type JsonValue, parseR, type RqlExpression } from '@really/protocol';
import { isSealOf, type SealKind, sealKey, sealOf } from '../platform/seal.js';
import type { Order, Pos, SortPosition } from '../store/store.js';
import { filterText } from './filter-text.js';

/** What a page token belongs to: whoever asks the same question may use it. */
export interface PageQuery {
  /** The collection, printed. */
  readonly r: string;
  readonly filter: RqlExpression | undefined;
  readonly order: Order;
  /** What says, besides the objects, where in the order their reader sees them; empty where nothing does. */
  readonly viewKey: string;
}

/** Where a page begins: after a place in the order, or, walking back, before it. */
export interface PageStart {
  readonly place: SortPosition;
  readonly back: boolean;
}

/** A page that goes on with a walk. */
export interface PageToken {
  /** False where its reader saw the order otherwise: nobody knows where that one stood. */
  readonly isSameView: boolean;
  /** The object that the page comes after, or before. */
  readonly r: string;
  /** What that object is sorted by. */
  readonly value: TokenValue;
  readonly back: boolean;
  /** The position of the store when the walk began; `undefined` where it goes by ids, which never change. */
  readonly since: Pos | undefined;
}

export type TokenValue =
  | { readonly kind: 'whole'; readonly value: JsonValue | undefined }
  | LongValue;

/** A value that is too long for a token, and has to be looked up again. */
export interface LongValue {
  readonly kind: 'long';
  readonly digest: string;
  /** The beginning of a text. */
  readonly prefix: string | undefined;
}

export interface PageTokens {
  readonly nextToken: string;
  readonly prevToken: string;
}

/** Bytes of JSON that a token holds of a value. */
const maxBytes = 96;

/** Characters of a token's seal: 132 bits. */
const sealLength = 22;

const tokenPath = 'cmdOpts.paginationToken';

/**
 * Makes and reads page tokens. A token is short whatever the query, and holds all that there is to know, so that the server keeps
 * nothing of a walk; sealed with a key of the app, it is good on every node, and after a restart.
 */
export class PageTokenizer {
  readonly #kind: SealKind;

  constructor(key: string | Buffer) {
    this.#kind = { key, length: sealLength };
  }

  /** The tokens of a page from its first and last place. */
  tokensOf(
    pageQuery: PageQuery,
    { first, last, since }: { first: SortPosition; last: SortPosition; since: Pos | undefined },
  ): PageTokens {
    const head = digestOf(keyText(pageQuery));
    const view = viewText(pageQuery);
    const token = (place: SortPosition, step: Step) => {
      const parts = [head, view, step, since?.toString(36) ?? '', ids(pageQuery.r, place.r)];
      return this.#sealed([...parts, valueText(place.value)].join('.'));
    };
    return { nextToken: token(last, 'n'), prevToken: token(first, 'p') };
  }

  /** Reads a token. Throws 400 where it is none, or belongs to another query (rule REA6). */
  read(pageQuery: PageQuery, token: string): PageToken {
    const parts = this.#unsealed(token)?.split('.') ?? [];
    const [head, view, step, since = '', name = '', value = ''] = parts;
    if (head === undefined) throw fail.invalid(tokenPath, 'expected.token.of.a.read');
    const r = rOf(pageQuery.r, name);
    if (head !== digestOf(keyText(pageQuery)) || r === undefined) {
      throw fail.invalid(tokenPath, 'expected.token.of.this.query');
    }
    return {
      isSameView: view === viewText(pageQuery),
      r,
      value: readValue(value),
      back: step === 'p',
      since: since === '' ? undefined : Number.parseInt(since, 36),
    };
  }

  #sealed(text: string): string {
    return `${text}.${sealOf(text, this.#kind)}`;
  }

  #unsealed(token: string): string | undefined {
    const end = token.lastIndexOf('.');
    const text = token.slice(0, Math.max(end, 0));
    return isSealOf(text, this.#kind, token.slice(end + 1)) ? text : undefined;
  }
}

/** The key that page tokens of an app are sealed with. */
export function pageKeyOf(secret: string): Buffer {
  return sealKey(secret, 'page tokens');
}

/** Whether this is the value that a token could not hold. */
export function isLongValue({ digest }: LongValue, value: JsonValue | undefined): boolean {
  return value !== undefined && digestOf(canonicalText(value)) === digest;
}

type Step = 'n' | 'p';

function keyText({ r, filter, order }: PageQuery): string {
  return `[${JSON.stringify(r)},${filterText(filter)},${JSON.stringify(order.field)},${order.descending}]`;
}

function viewText({ viewKey }: PageQuery): string {
  return viewKey && digestOf(viewKey).slice(0, 8);
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}

/** The ids of an R that the question does not name, with `~`, which is in none of them, in between. */
function ids(collection: string, r: string): string {
  const steps = r.split('/');
  return wildSteps(collection)
    .map((index) => steps[index] ?? '')
    .join('~');
}

function rOf(collection: string, name: string): string | undefined {
  const given = name.split('~');
  const wild = wildSteps(collection);
  if (given.length !== wild.length) return undefined;
  const steps = collection.split('/');
  for (const [at, index] of wild.entries()) steps[index] = given[at] ?? '';
  const r = steps.join('/');
  return parseR(r)?.kind === 'object' ? r : undefined;
}

function wildSteps(collection: string): number[] {
  return collection.split('/').flatMap((step, index) => (step === '*' ? [index] : []));
}

/** Empty: missing. `v`: the value. `d`: its digest, with the beginning of a text behind a `~`. */
function valueText(value: JsonValue | undefined): string {
  if (value === undefined) return '';
  const whole = Buffer.from(JSON.stringify(value));
  if (whole.length <= maxBytes) return `v${whole.toString('base64url')}`;
  const digest = `d${digestOf(canonicalText(value))}`;
  if (typeof value !== 'string') return digest;
  return `${digest}~${Buffer.from(JSON.stringify(beginningOf(value))).toString('base64url')}`;
}

function readValue(text: string): TokenValue {
  if (text === '') return { kind: 'whole', value: undefined };
  const [first = '', prefix] = text.slice(1).split('~');
  if (text.startsWith('v')) return { kind: 'whole', value: parsed(first) };
  const beginning = prefix === undefined ? undefined : parsed(prefix);
  return {
    kind: 'long',
    digest: first,
    prefix: typeof beginning === 'string' ? beginning : undefined,
  };
}

function parsed(text: string): JsonValue {
  return JSON.parse(Buffer.from(text, 'base64url').toString()) as JsonValue;
}

/** As much of a long text as a token holds, in whole characters. */
function beginningOf(text: string): string {
  let beginning = '';
  for (const character of text.slice(0, maxBytes)) {
    if (Buffer.byteLength(JSON.stringify(beginning + character)) > maxBytes) break;
    beginning += character;
  }
  // Half a character at the end may be the beginning of a whole one.
  return beginning.replace(/[\ud800-\udbff]$/, '');
}
