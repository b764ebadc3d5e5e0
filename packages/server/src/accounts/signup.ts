import {
  type CreateRequest,
  fail,
  type JsonObject,
  type JsonValue,
  keepRounded,
  ProtocolError,
  parseR,
  setMember,
} from '@really/protocol';
import { CreateCommand } from '../commands/write/create.js';
import { idAttempts } from '../commands/write/write-command.js';
import type { WriteAllResult } from '../objects/write-request.js';
import { type Account, accountR, authOf } from './account.js';
import type { AccountDeps } from './account-deps.js';
import { emailTaken } from './account-records.js';
import type { SignupRequest } from './credentials.js';
import { canonicalEmail } from './email/email.js';
import type { HashRequester } from './passwords/hash-limiter.js';

/** An account before its password is hashed. */
type NewAccount = Omit<Account, 'password'>;

/**
 * Creates an account and its user's object, both or none (rules PWD1 and PWD2). The address is
 * looked up and the object validated before the password is hashed, in the queue of the address: of
 * many concurrent signups with one address a single one costs a hash.
 */
export async function signUp(
  deps: AccountDeps,
  request: SignupRequest,
  requester?: HashRequester,
): Promise<NewAccount> {
  const { accounts, jobs, passwords } = deps;
  let hashing: Promise<string> | undefined;
  const hash = () => {
    hashing ??= passwords.hash(request.password, requester);
    return hashing;
  };
  const owner = await accounts.byEmail(request.email);
  const isLiving = owner !== undefined && !(await accounts.isAbandoned(owner));
  const former = { uid: owner?.uid, isLiving };
  // Erased when its address is taken.
  const gone = owner && !isLiving ? [owner.uid] : [];
  const revocations = gone.map((uid) => ({ kind: 'revoke', uid }) as const);
  for (let attempt = 1; ; attempt++) {
    const newAccount = newAccountOf(deps, request);
    const { uid } = newAccount;
    const creation = userCreation(deps, newAccount, request.rest);
    const requests = [
      creation.request(),
      accounts.createEmailRequest(request.email, { uid, former }),
      accounts.createRequest(newAccount, hash),
    ];
    const followUps = [...jobs.emailTo('verify', uid), ...revocations];
    const result = await jobs.write(requests, followUps, { erases: gone.map(accountR) });
    if (result.kind === 'committed') return newAccount;
    if (!isTaken(result) || attempt === idAttempts) throw refusal(result, creation);
  }
}

function newAccountOf({ services, config }: AccountDeps, { email }: SignupRequest): NewAccount {
  // One id for both, so that a rule that knows the uid finds the user's object, and the other way round.
  const uid = services.objects.newId();
  const r = `${config.users}/${uid}`;
  const { text } = email;
  return { uid, r, email: text, emailVerified: false, passwordChanges: 0, oneTimeTokens: [] };
}

/** The create by the new user. Throws 404 where there is no such model. */
function userCreation(
  { services }: AccountDeps,
  newAccount: NewAccount,
  rest: JsonObject,
): CreateCommand {
  const target = parseR(newAccount.r);
  if (!target) throw fail('r.invalid');
  const field = services.models().get(target.names)?.fields.get('email');
  const takesEmail = field !== undefined && field.type !== 'Calculated';
  // As rules see it in the token, so that the two can be compared.
  const body = takesEmail ? withEmail(rest, canonicalEmail(newAccount.email)) : rest;
  const request: CreateRequest = { cmd: 'create', tag: 0, target, body, cmdOpts: {} };
  return new CreateCommand({ services, auth: authOf(newAccount) }, request);
}

function withEmail(rest: JsonObject, email: string): JsonObject {
  const body: Record<string, JsonValue> = { email };
  for (const [name, value] of Object.entries(rest)) setMember(body, name, value);
  keepRounded(rest, body);
  return body;
}

type NotWritten = Exclude<WriteAllResult, { kind: 'committed' }>;

/** The generated id of the object was taken by a client. */
function isTaken(result: NotWritten): boolean {
  if (result.kind !== 'refused' || result.index !== 0) return false;
  const { error } = result;
  return error instanceof ProtocolError && error.message === 'object.already.exist';
}

function refusal(result: NotWritten, creation: CreateCommand): unknown {
  switch (result.kind) {
    case 'refused':
      return result.error;
    case 'unique':
    case 'missing':
      // `missing` beyond the creation means the former owner's account: another request was faster.
      return result.index === 0 ? creation.refusal(result) : emailTaken();
    case 'too-large':
      return fail('message.too.large');
    default:
      return new Error('a signup carries no once-key');
  }
}
