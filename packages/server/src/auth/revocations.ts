import { createHash } from 'node:crypto';
import type { JsonObject } from '@really/protocol';
import { Type } from '@really/protocol/schema';
import type { Clock } from '../platform/platform.js';
import { fits } from '../platform/record-schema.js';
import type { TokenIdentity } from './token-identity.js';

/**
 * Where revocations are stored, beside the objects of the app; on disk when `put` resolves.
 * Implemented by `SystemRecords`.
 */
export interface RevocationRecords {
  put(r: string, update: (held: JsonObject | undefined) => JsonObject): Promise<void>;
}

export const revocationsName = '_revocations';

/** A revocation as it is stored, published over the bus, and passed to listeners. */
export type Revocation =
  /** One token. `until`: its expiry, milliseconds since the Unix epoch; 0: never. */
  | { readonly kind: 'token'; readonly uid: string; readonly key: string; readonly until: number }
  /** Every token of the uid issued at `before` or earlier, and those without a time of issue. */
  | { readonly kind: 'uid'; readonly uid: string; readonly before: number };

/** The revocations of one uid. */
interface RevokedTokens {
  before: number | undefined;
  /** Key to `until`. */
  tokens: Map<string, number> | undefined;
}

export interface RevocationsOptions {
  readonly records: RevocationRecords;
  readonly clock: Clock;
}

/**
 * The revoked tokens of an app (rules AUT5 to AUT7). All are in memory, so that verifying a token
 * needs no read; each is on disk before a revocation is confirmed.
 */
export class Revocations {
  readonly #records: RevocationRecords;
  readonly #clock: Clock;
  readonly #byUid = new Map<string, RevokedTokens>();
  readonly #listeners = new Set<(revocation: Revocation) => void>();
  #tokens = 0;
  /** The latest time of issue on this node. */
  #lastIssue = 0;

  constructor({ records, clock }: RevocationsOptions) {
    this.#records = records;
    this.#clock = clock;
  }

  get size(): number {
    return this.#tokens + this.#byUid.size;
  }

  /** Single tokens that are revoked and not expired. */
  get tokens(): number {
    return this.#tokens;
  }

  isRevoked({ uid, key, issuedAt }: TokenIdentity): boolean {
    const revoked = this.#byUid.get(uid);
    if (!revoked) return false;
    const { before, tokens } = revoked;
    if (before !== undefined && (issuedAt === undefined || issuedAt <= before)) return true;
    return tokens?.has(key) ?? false;
  }

  /** The time of issue for a new token: later than any revocation of its uid. */
  issueTime(uid: string): number {
    const before = this.#byUid.get(uid)?.before ?? Number.NEGATIVE_INFINITY;
    const at = Math.max(Math.floor(this.#clock.now()), before + 1);
    this.#lastIssue = Math.max(this.#lastIssue, at);
    return at;
  }

  /** Single tokens of this uid that are revoked and not expired. */
  revokedTokensOf(uid: string): number {
    return this.#byUid.get(uid)?.tokens?.size ?? 0;
  }

  /** Resolves when the revocation is on disk; rejects with 503, and the token stays valid. */
  async revokeToken({ uid, key }: TokenIdentity, expires: number | undefined): Promise<void> {
    const until = expires ?? 0;
    const isNew = this.#addToken(uid, key, until);
    try {
      const revocation: Revocation = { kind: 'token', uid, key, until };
      await this.#records.put(recordR('t', [uid, key]), () => ({ ...revocation }));
      this.apply(revocation);
    } catch (error) {
      if (isNew) this.#deleteToken(uid, key);
      throw error;
    }
  }

  /** Revokes all tokens of the uid issued until now. Resolves when that is on disk; rejects with 503. */
  async revokeUid(uid: string): Promise<void> {
    const earlier = this.#byUid.get(uid)?.before;
    const before = Math.max(Math.floor(this.#clock.now()), this.#lastIssue, earlier ?? 0);
    this.#addUid(uid, before);
    try {
      let written = before;
      await this.#records.put(recordR('u', [uid]), (held) => {
        written = Math.max(before, typeof held?.before === 'number' ? held.before : 0);
        return { kind: 'uid', uid, before: written };
      });
      this.apply({ kind: 'uid', uid, before: written });
    } catch (error) {
      this.#restoreUid(uid, before, earlier);
      throw error;
    }
  }

  /** Applies a record read from the store or received over the bus, and calls the listeners. */
  apply(revocation: Revocation): void {
    if (revocation.kind === 'token') {
      const { uid, key, until } = revocation;
      if (isOver(until, this.#clock.now())) return;
      this.#addToken(uid, key, until);
    } else {
      this.#addUid(revocation.uid, revocation.before);
    }
    for (const listener of this.#listeners) listener(revocation);
  }

  /** Calls `listener` with each revocation on disk, at least once, until the result is called. */
  listen(listener: (revocation: Revocation) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Drops tokens that expired before `time`, one uid per step. Yields the Rs of their records. */
  *forget(time: number): Generator<readonly string[], void> {
    for (const [uid, { tokens }] of this.#byUid) {
      const over: string[] = [];
      for (const [key, until] of tokens ?? []) {
        if (!isOver(until, time)) continue;
        this.#deleteToken(uid, key);
        over.push(recordR('t', [uid, key]));
      }
      yield over;
    }
  }

  #of(uid: string): RevokedTokens {
    const revoked = this.#byUid.get(uid) ?? { before: undefined, tokens: undefined };
    this.#byUid.set(uid, revoked);
    return revoked;
  }

  #addToken(uid: string, key: string, until: number): boolean {
    const revoked = this.#of(uid);
    revoked.tokens ??= new Map();
    const isNew = !revoked.tokens.has(key);
    if (isNew) this.#tokens += 1;
    revoked.tokens.set(key, until);
    return isNew;
  }

  #deleteToken(uid: string, key: string): void {
    const revoked = this.#byUid.get(uid);
    if (!revoked?.tokens?.delete(key)) return;
    this.#tokens -= 1;
    if (revoked.tokens.size === 0) revoked.tokens = undefined;
    this.#dropEmpty(uid, revoked);
  }

  #addUid(uid: string, before: number): void {
    const revoked = this.#of(uid);
    revoked.before = Math.max(revoked.before ?? before, before);
  }

  /** Undoes `#addUid`, unless there was a later one. */
  #restoreUid(uid: string, before: number, earlier: number | undefined): void {
    const revoked = this.#byUid.get(uid);
    if (revoked?.before !== before) return;
    revoked.before = earlier;
    this.#dropEmpty(uid, revoked);
  }

  #dropEmpty(uid: string, { before, tokens }: RevokedTokens): void {
    if (before === undefined && !tokens) this.#byUid.delete(uid);
  }
}

/** `until` 0 is never. */
export const isOver = (until: unknown, time: number): boolean =>
  typeof until === 'number' && until !== 0 && until <= time;

const revocationSchema = Type.Union([
  Type.Object({
    kind: Type.Enum(['token']),
    uid: Type.String(),
    key: Type.String(),
    until: Type.Number(),
  }),
  Type.Object({ kind: Type.Enum(['uid']), uid: Type.String(), before: Type.Number() }),
]);

/** Reads a revocation from a record; `undefined` if it is not one. */
export function revocationOf(record: JsonObject): Revocation | undefined {
  return fits(revocationSchema, record) ? record : undefined;
}

function recordR(kind: 't' | 'u', names: readonly string[]): string {
  const digest = createHash('sha256').update(JSON.stringify(names)).digest('base64url');
  return `/${revocationsName}/${kind}${digest}`;
}
