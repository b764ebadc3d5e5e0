import { createHash } from 'node:crypto';
import {
  canonicalText,
  fail,
  type JsonValue,
  parseR,
  type RqlExpression,
  type SortPosition,
} from '@really/protocol';
import { isSealOf, SealKey, type SealKind, sealOf } from '../platform/seal.js';
import type { Order } from '../store/store-reads.js';
import type { Pos } from '../store/stored-object.js';
import { filterText } from './filter-text.js';

/** The query that a page token belongs to. */
export interface PageQuery {
  /** The printed R of the collection. */
  readonly r: string;
  readonly filter: RqlExpression | undefined;
  readonly order: Order;
  /** The rights that decide where the reader sees objects in the order; empty if none do. */
  readonly viewKey: string;
}

/** A page begins after a place in the order or, paging back, before it. */
export interface PageStart {
  readonly place: SortPosition;
  readonly back: boolean;
}

/** A decoded page token. */
export interface PageToken {
  /** False if the reader's view of the order changed: the place is then unknown. */
  readonly isSameView: boolean;
  /** The object after or before which the page begins. */
  readonly r: string;
  /** The values that the object is sorted by. */
  readonly values: readonly TokenValue[];
  readonly back: boolean;
  /**
   * The store's position when paging began; `undefined` in the order of ids, which never change.
   */
  readonly since: Pos | undefined;
}

export type TokenValue =
  | { readonly kind: 'whole'; readonly value: JsonValue | undefined }
  | LongValue;

/** A value too long for a token; it has to be looked up again. */
export interface LongValue {
  readonly kind: 'long';
  readonly digest: string;
  /** The beginning, if it is a text. */
  readonly prefix: string | undefined;
}

export interface PageTokens {
  readonly nextToken: string;
  readonly prevToken: string;
}

/** Maximum bytes of JSON of the values in a token. */
const maxBytes = 96;

/** Length of a seal in characters: 132 bits. */
const sealLength = 22;

const tokenPath = 'cmdOpts.paginationToken';

/**
 * Encodes and decodes page tokens. Tokens are short and self-contained, so the server keeps no
 * paging state. They are sealed with a key of the app: valid on every node and after a restart.
 */
export class PageTokenizer {
  readonly #kind: SealKind;

  constructor(key = new SealKey('')) {
    this.#kind = { key, length: sealLength };
  }

  tokensOf(
    pageQuery: PageQuery,
    { first, last, since }: { first: SortPosition; last: SortPosition; since: Pos | undefined },
  ): PageTokens {
    const head = digestOf(keyText(pageQuery));
    const view = viewText(pageQuery);
    const token = ({ r, values }: SortPosition, step: 'n' | 'p') => {
      const parts = [head, view, step, since?.toString(36) ?? '', ids(pageQuery.r, r)];
      for (const value of values) parts.push(valueText(value, values.length));
      const text = parts.join('.');
      return `${text}.${sealOf(text, this.#kind)}`;
    };
    return { nextToken: token(last, 'n'), prevToken: token(first, 'p') };
  }

  /** Throws 400 if malformed or of another query (rule REA6). */
  read(pageQuery: PageQuery, token: string): PageToken {
    const parts = this.#unsealed(token)?.split('.') ?? [];
    const [head, view, step, since = '', name = '', ...values] = parts;
    if (head === undefined) throw fail.invalid(tokenPath, 'expected.token.of.a.read');
    const r = rOf(pageQuery.r, name);
    if (head !== digestOf(keyText(pageQuery)) || r === undefined) {
      throw fail.invalid(tokenPath, 'expected.token.of.this.query');
    }
    return {
      isSameView: view === viewText(pageQuery),
      r,
      values: values.map(readValue),
      back: step === 'p',
      since: since === '' ? undefined : Number.parseInt(since, 36),
    };
  }

  #unsealed(token: string): string | undefined {
    const end = token.lastIndexOf('.');
    const text = token.slice(0, Math.max(end, 0));
    return isSealOf(text, this.#kind, token.slice(end + 1)) ? text : undefined;
  }
}

/** The sealing key for page tokens. */
export function pageKeyOf(secret: string): SealKey {
  return SealKey.derive(secret, 'page tokens');
}

/** Whether this is the value that was too long for the token. */
export function isLongValue({ digest }: LongValue, value: JsonValue | undefined): boolean {
  return value !== undefined && digestOf(canonicalText(value)) === digest;
}

function keyText({ r, filter, order }: PageQuery): string {
  const keys = order.keys.map(({ field, descending }) => `${JSON.stringify(field)},${descending}`);
  return `[${JSON.stringify(r)},${filterText(filter)},${keys.join()}]`;
}

function viewText({ viewKey }: PageQuery): string {
  return viewKey && digestOf(viewKey).slice(0, 8);
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}

/** The ids of an R at the wild steps of the collection, joined with `~`, which no id contains. */
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

/** Empty: missing. `v`: the value. `d`: its digest; of a lone text also `~` and its beginning. */
function valueText(value: JsonValue | undefined, count: number): string {
  if (value === undefined) return '';
  const whole = Buffer.from(JSON.stringify(value));
  if (whole.length <= maxBytes / count) return `v${whole.toString('base64url')}`;
  const digest = `d${digestOf(canonicalText(value))}`;
  if (typeof value !== 'string' || count > 1) return digest;
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

/** The beginning of a text that fits into a token, in whole characters. */
function beginningOf(text: string): string {
  let beginning = '';
  for (const character of text.slice(0, maxBytes)) {
    if (Buffer.byteLength(JSON.stringify(beginning + character)) > maxBytes) break;
    beginning += character;
  }
  // A lone surrogate at the end may be half of a character.
  return beginning.replace(/[\ud800-\udbff]$/, '');
}
