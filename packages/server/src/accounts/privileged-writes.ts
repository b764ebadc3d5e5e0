import {
  type Auth,
  type CreateRequest,
  deepEqual,
  fail,
  type JsonObject,
  ProtocolError,
  parseR,
} from '@really/protocol';
import type { CommandContext, Services } from '../commands/services.js';
import { CreateCommand } from '../commands/write/create.js';
import { runWriteCommand, type WriteCommand } from '../commands/write/write-command.js';
import { SystemRecords } from '../objects/system-records.js';
import { authOf } from './account.js';
import { AccountRecords } from './account-records.js';
import { type Identity, identityR, identityRecord, isOfLogin, readIdentity } from './identity.js';

/** What the app may do that no user may. */
export interface PrivilegedWrites {
  /** Creates a user's object (rule AUT8). Resolves with its R; rejects as a create is refused. */
  createUser(data: JsonObject): Promise<string>;
  /**
   * Creates the object of this uid from `data`, unless it exists. Resolves with its R; rejects with
   * 403 where it was deleted, and as a create is refused.
   */
  ensureUser(uid: string, data: JsonObject): Promise<string>;
  /** Stores the issuer's claims about a uid at this login. Rejects with 503. */
  remember(uid: string, identity: Identity): Promise<void>;
  /**
   * The current identity of a token's user (rule AUT12); `undefined` where the account or the
   * user's object is gone. Rejects with 503.
   */
  current(auth: Auth): Promise<Auth | undefined>;
}

export interface PrivilegedWritesOptions {
  readonly services: Services;
  /** `/users`: the collection of the users' objects. */
  readonly users: string;
}

export function privilegedWrites(options: PrivilegedWritesOptions): PrivilegedWrites {
  const { services, users } = options;
  const { objects } = services;
  const records = new SystemRecords(objects);
  const accounts = new AccountRecords(objects);
  return {
    createUser: (data) => createUser(options, users, data),
    async ensureUser(uid, data) {
      const r = `${users}/${uid}`;
      const held = await objects.head(r);
      if (held?.deleted) throw fail('forbidden');
      if (held) return r;
      try {
        return await createUser(options, r, data);
      } catch (error) {
        // A concurrent request created it.
        if (error instanceof ProtocolError && error.message === 'object.already.exist') return r;
        throw error;
      }
    },
    async remember(uid, identity) {
      const record = identityRecord(identity);
      const held = await records.get(identityR(uid));
      if (held === undefined || !deepEqual(held, record)) {
        await records.put(identityR(uid), () => record);
      }
    },
    async current(auth) {
      const { uid, authType, _r } = auth;
      const account = await accounts.byUid(uid);
      const isGone = account ? await accounts.isAbandoned(account) : isOfLogin(auth);
      if (isGone || (_r !== undefined && (await objects.head(_r))?.deleted)) return undefined;
      if (authType === 'password' && account) {
        const { _r: r, data } = authOf(account);
        // What the app added to the token is kept.
        return { ...auth, _r: r, data: { ...auth.data, ...data } };
      }
      const identity = authType === 'oidc' ? await records.get(identityR(uid)) : undefined;
      if (!identity) return auth;
      const { data, r } = readIdentity(identity);
      return { ...auth, data, _r: r ?? _r };
    },
  };
}

/** The app itself, as hooks see it and as the author of its changes. */
const appAuth: Auth = { uid: '_app', authType: 'app' };

/** All is checked as for every create, but no access rule applies. */
async function createUser(
  { services }: PrivilegedWritesOptions,
  r: string,
  data: JsonObject,
): Promise<string> {
  const target = parseR(r);
  if (!target) throw fail('r.invalid');
  const context: CommandContext = { services, auth: appAuth };
  const request: CreateRequest = { cmd: 'create', tag: 0, target, body: data, cmdOpts: {} };
  const creation = new CreateCommand(context, request, 'unrestricted');
  let made = '';
  const command = {
    request: () => creation.request(),
    get idTaken() {
      return creation.idTaken;
    },
    refusal: (found) => creation.refusal(found),
    reply: ({ object }) => {
      made = object.r;
      return {};
    },
    repeatedReply: (first) => creation.repeatedReply(first),
  } satisfies WriteCommand;
  await runWriteCommand(context, request, () => command);
  return made;
}
