import type { Auth, JsonObject } from '@really/protocol';
import { Type } from '@really/protocol/schema';
import { AnyValue, fits } from '../platform/record-schema.js';
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
  readonly oneTimeTokens: readonly OneTimeToken[];
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
  const oneTimeTokens = account.oneTimeTokens.map((token) => ({ ...token }));
  return { ...account, oneTimeTokens };
}

const accountSchema = Type.Object({
  uid: Type.String(),
  r: Type.String(),
  email: Type.String(),
  emailVerified: Type.Boolean(),
  password: Type.String(),
  passwordChanges: Type.Number(),
  oneTimeTokens: Type.Array(AnyValue),
});
const tokenSchema = Type.Object({
  kind: Type.Enum(['reset', 'verify']),
  hash: Type.String(),
  expires: Type.Number(),
});

/**
 * Throws where the record is not an account: only this server writes it. Up to version 0.1 the tokens
 * were stored as `letterTokens`; the next change of the account gives them the new name.
 */
export function readAccount({ letterTokens, ...rest }: JsonObject): Account {
  const record = letterTokens === undefined ? rest : { oneTimeTokens: letterTokens, ...rest };
  if (!fits(accountSchema, record)) throw new TypeError('a record of an account is damaged');
  const oneTimeTokens = record.oneTimeTokens.filter((token) => fits(tokenSchema, token));
  return { ...record, oneTimeTokens };
}

/** Identity of the user, for rules, hooks and tokens. */
export function authOf(user: Pick<Account, 'uid' | 'r' | 'email' | 'emailVerified'>): Auth {
  const { uid, r, email, emailVerified } = user;
  const data = { email: canonicalEmail(email), emailVerified };
  return { uid, authType: 'password', _r: r, data };
}
