import { type Auth, isJsonObject, type JsonObject, type JsonValue } from '@really/protocol';
import { canonicalEmail } from './email/email.js';

/** A user who logs in with a password. Stored at `/_accounts/<uid>`. */
export interface Account {
  readonly uid: string;
  /** The user's own object. */
  readonly r: string;
  /** As given: where emails are sent. */
  readonly email: string;
  readonly emailVerified: boolean;
  /** A hash. */
  readonly password: string;
  /** How often another password was set. Rehashing does not count. */
  readonly passwordChanges: number;
  /** Of emails that were sent, without used and old ones. */
  readonly letterTokens: readonly OneTimeToken[];
}

/** What is stored of the token in an email: not the token itself. */
export interface OneTimeToken {
  readonly kind: 'reset' | 'verify';
  readonly hash: string;
  /** Milliseconds since the Unix epoch. */
  readonly expires: number;
}

/** The collections of the records. */
export const accountsName = '_accounts';
export const emailsName = '_emails';

/** The R of the account of a uid. */
export function accountR(uid: string): string {
  return `/${accountsName}/${uid}`;
}

/** The R of the record that says whose an address is. */
export function emailR(id: string): string {
  return `/${emailsName}/${id}`;
}

export function accountRecord(account: Account): JsonObject {
  const letterTokens = account.letterTokens.map((token) => ({ ...token }));
  return { ...account, letterTokens };
}

/** Throws where the record is not an account: only this server writes it. */
export function readAccount(record: JsonObject): Account {
  const { uid, r, email, emailVerified, password, passwordChanges, letterTokens } = record;
  const isSound =
    typeof uid === 'string' &&
    typeof r === 'string' &&
    typeof email === 'string' &&
    typeof emailVerified === 'boolean' &&
    typeof password === 'string' &&
    typeof passwordChanges === 'number' &&
    Array.isArray(letterTokens);
  if (!isSound) throw new TypeError('a record of an account is damaged');
  const tokens = letterTokens.flatMap((token) => readOneTimeToken(token) ?? []);
  return { uid, r, email, emailVerified, password, passwordChanges, letterTokens: tokens };
}

function readOneTimeToken(value: JsonValue): OneTimeToken | undefined {
  if (!isJsonObject(value)) return undefined;
  const { kind, hash, expires } = value;
  const isSound = typeof hash === 'string' && typeof expires === 'number';
  if (!isSound || (kind !== 'reset' && kind !== 'verify')) return undefined;
  return { kind, hash, expires };
}

/** Identity of the user, for rules, hooks and tokens. */
export function authOf(user: Pick<Account, 'uid' | 'r' | 'email' | 'emailVerified'>): Auth {
  const { uid, r, email, emailVerified } = user;
  const data = { email: canonicalEmail(email), emailVerified };
  return { uid, authType: 'password', _r: r, data };
}
