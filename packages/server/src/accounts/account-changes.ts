import { fail } from '@really/protocol';
import type { WriteAllResult } from '../objects/write-request.js';
import type { Account, OneTimeToken } from './account.js';
import type { AccountDeps } from './account-deps.js';
import { parseOneTimeToken } from './email/one-time-token.js';
import type { HashRequester } from './passwords/hash-limiter.js';

/**
 * Rule PWD10: for a user with a token and the old password. Resolves with the account. If another
 * change was faster, the old password is wrong by then.
 */
export async function changePassword(
  deps: AccountDeps,
  uid: string,
  passwords: { old: string; password: string },
  requester?: HashRequester,
): Promise<Account> {
  const account = await deps.accounts.livingByUid(uid);
  if (!account) throw fail('forbidden');
  if (!(await deps.passwords.matches(account.password, passwords.old, requester))) {
    throw wrongOldPassword();
  }
  const hash = await deps.passwords.hash(passwords.password, requester);
  await setPassword(deps, uid, hash, (held) => {
    if (held.passwordChanges !== account.passwordChanges) throw wrongOldPassword();
    return held;
  });
  return account;
}

/** Rule MAIL1: for a user with the token of an email. Resolves with the account. */
export async function resetPassword(
  deps: AccountDeps,
  token: string,
  password: string,
  requester?: HashRequester,
): Promise<Account> {
  const { account, redeem } = await accountOfToken(deps, 'reset', token);
  // Before it costs a hash, and again when it is set.
  redeem(account);
  await setPassword(deps, account.uid, await deps.passwords.hash(password, requester), redeem);
  return account;
}

/** Also revokes all tokens, and sends an email to the owner. */
async function setPassword(
  { accounts, jobs }: AccountDeps,
  uid: string,
  password: string,
  check: (held: Account) => Account,
): Promise<void> {
  const request = accounts.updateRequest(uid, (held) => {
    const { passwordChanges, ...checked } = check(held);
    return { ...checked, password, passwordChanges: passwordChanges + 1 };
  });
  const revocation = { kind: 'revoke', uid } as const;
  assertWritten(await jobs.write([request], [revocation, ...jobs.emailTo('changed', uid)]));
}

/** Rule MAIL2: sends an email to the account of this uid, unless its address is verified. */
export async function requestVerification(
  { accounts, jobs }: AccountDeps,
  uid: string,
): Promise<void> {
  const account = await accounts.livingByUid(uid);
  if (!account) throw fail('forbidden');
  if (account.emailVerified) return;
  jobs.assertRoom();
  assertWritten(await jobs.write([], [{ kind: 'verify', uid }]));
}

/** Rule MAIL2: for a user with the token of an email. Resolves with the account. */
export async function verifyEmail(deps: AccountDeps, token: string): Promise<Account> {
  const { account, redeem } = await accountOfToken(deps, 'verify', token);
  await deps.accounts.change(account.uid, redeem);
  return account;
}

/**
 * The account that an email with this token was sent to. `redeem` uses the token up, once, and
 * verifies the address; it throws 401 where the account has no such token, or it has expired.
 */
async function accountOfToken(
  { accounts, services }: AccountDeps,
  kind: OneTimeToken['kind'],
  token: string,
): Promise<{ account: Account; redeem: (held: Account) => Account }> {
  const read = parseOneTimeToken(token);
  const account = read && (await accounts.livingByUid(read.uid));
  if (!account) throw wrongEmailToken();
  const redeem = (held: Account): Account => {
    const known = held.oneTimeTokens.find((one) => one.kind === kind && one.hash === read.hash);
    if (!known) throw wrongEmailToken();
    if (known.expires <= services.platform.clock.now()) throw wrongEmailToken('token.expired');
    const oneTimeTokens = held.oneTimeTokens.filter((one) => one.kind !== kind);
    return { ...held, emailVerified: true, oneTimeTokens };
  };
  return { account, redeem };
}

/** Throws the reason for a refusal. */
export function assertWritten(result: WriteAllResult): void {
  if (result.kind === 'committed') return;
  if (result.kind === 'refused') throw result.error;
  throw new Error(`an account cannot be written: ${result.kind}`);
}

function wrongEmailToken(detail = 'token.invalid'): Error {
  return fail('link.invalid', { token: [detail] });
}

function wrongOldPassword(): Error {
  return fail('credentials.invalid', { oldPassword: ['credentials.invalid'] });
}
