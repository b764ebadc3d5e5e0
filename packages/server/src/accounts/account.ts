import type { Auth, JsonObject } from '@really/protocol';

/** Someone who logs in with a password. Kept at `/_accounts/<uid>`. */
export interface Account {
  readonly uid: string;
  /** The user's own object. */
  readonly r: string;
  /** As it was given. */
  readonly email: string;
  readonly emailVerified: boolean;
  /** A hash. */
  readonly password: string;
}

/** Where the account of a uid is kept. */
export function accountR(uid: string): string {
  return `/_accounts/${uid}`;
}

/** Where it is kept whose an address is. */
export function emailR(id: string): string {
  return `/_emails/${id}`;
}

export function accountRecord({ uid, r, email, emailVerified, password }: Account): JsonObject {
  return { uid, r, email, emailVerified, password };
}

/** Throws where the record is none of an account: only this server writes it. */
export function readAccount(record: JsonObject): Account {
  const { uid, r, email, emailVerified, password } = record;
  const isSound =
    typeof uid === 'string' &&
    typeof r === 'string' &&
    typeof email === 'string' &&
    typeof emailVerified === 'boolean' &&
    typeof password === 'string';
  if (!isSound) throw new TypeError('a record of an account is damaged');
  return { uid, r, email, emailVerified, password };
}

/** Who the user is, for rules, hooks and tokens. */
export function authOf({ uid, r, email, emailVerified }: Omit<Account, 'password'>): Auth {
  return { uid, authType: 'password', _r: r, data: { email, emailVerified } };
}
