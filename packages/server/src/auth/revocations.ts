import { createHash } from 'node:crypto';
import type { JsonObject } from '@really/protocol';
import type { Clock } from '../platform/platform.js';
import type { TokenIdentity } from './token-identity.js';

/** Where revocations are kept, beside the objects of the app, on disk when `put` resolves. `SystemRecords` is one. */
export interface RevocationRecords {
  put(r: string, judge: (held: JsonObject | undefined) => JsonObject): Promise<void>;
}

/** The collection of the records. */
export const revocationsName = '_revocations';

/** As it is stored, told over the bus, and told to whoever holds live tokens. */
export type Revocation =
  /** One token. `until`: when it expires, milliseconds since the Unix epoch; 0: never. */
  | { readonly kind: 'token'; readonly uid: string; readonly key: string; readonly until: number }
  /** Every token of the uid that was made at `before` or earlier, and those that do not say when. */
  | { readonly kind: 'uid'; readonly uid: string; readonly before: number };

/** What is revoked of one uid. */
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
 * The revoked tokens of an app (rules AUT5 to AUT7): all of them in memory, so that judging a token
 * reads no store, and each of them on disk before anybody is told that it is revoked.
 */
export class Revocations {
  readonly #records: RevocationRecords;
  readonly #clock: Clock;
  readonly #byUid = new Map<string, RevokedTokens>();
  readonly #listeners = new Set<(revocation: Revocation) => void>();
  #tokens = 0;
  /** The latest time that a token of this node says it was made at. */
  #lastIssue = 0;

  constructor({ records, clock }: RevocationsOptions) {
    this.#records = records;
    this.#clock = clock;
  }

  /** Revocations that are remembered. */
  get size(): number {
    return this.#tokens + this.#byUid.size;
  }

  isRevoked({ uid, key, issuedAt }: TokenIdentity): boolean {
    const revoked = this.#byUid.get(uid);
    if (!revoked) return false;
    const { before, tokens } = revoked;
    if (before !== undefined && (issuedAt === undefined || issuedAt <= before)) return true;
    return tokens?.has(key) ?? false;
  }

  /** The time at which a token that is made now is to say it was made: later than any revocation of its uid. */
  issueTime(uid: string): number {
    const before = this.#byUid.get(uid)?.before ?? Number.NEGATIVE_INFINITY;
    const at = Math.max(Math.floor(this.#clock.now()), before + 1);
    this.#lastIssue = Math.max(this.#lastIssue, at);
    return at;
  }

  /** Single tokens of this uid that are revoked and would be good otherwise. */
  revokedTokensOf(uid: string): number {
    return this.#byUid.get(uid)?.tokens?.size ?? 0;
  }

  /** Revokes one token. Resolves when that is on disk; rejects with 503, and it is good as before. */
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

  /** Revokes every token of the uid that was made until now. Resolves when that is on disk; rejects with 503. */
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

  /** Takes a record in that was read from the store or heard of over the bus, and tells whoever listens. */
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

  /** Calls `listener` with each revocation that is on disk, at least once. Returns the way to stop that. */
  listen(listener: (revocation: Revocation) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Goes through all uids, one with each step, and forgets what is over: tokens that expired before
   * `time`, which nobody can use any more. Yields the Rs of the records that nobody needs now.
   */
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
    let revoked = this.#byUid.get(uid);
    if (!revoked) {
      revoked = { before: undefined, tokens: undefined };
      this.#byUid.set(uid, revoked);
    }
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

  /** Undoes `#addUid`, unless another one came on top of it. */
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

/** What a record holds, as far as it is one. */
export function revocationOf({
  kind,
  uid,
  key,
  until,
  before,
}: JsonObject): Revocation | undefined {
  if (typeof uid !== 'string') return undefined;
  if (kind === 'uid' && typeof before === 'number') return { kind, uid, before };
  if (kind !== 'token' || typeof key !== 'string' || typeof until !== 'number') return undefined;
  return { kind, uid, key, until };
}

function recordR(kind: 't' | 'u', names: readonly string[]): string {
  const digest = createHash('sha256').update(JSON.stringify(names)).digest('base64url');
  return `/${revocationsName}/${kind}${digest}`;
}
