import {
  type Auth,
  type CreateRequest,
  fail,
  type JsonObject,
  ProtocolError,
  parseR,
} from '@really/protocol';
import { Creation } from '../commands/creation.js';
import type { CommandContext, Services } from '../commands/services.js';
import { writeAlone } from '../commands/write-step.js';
import type { Log } from '../platform/log.js';

/** What the app may do that no user may. */
export interface AppAuthority {
  /** Makes a user's object of `data` (rule AUT8). Resolves with its R; rejects as a create is refused. */
  createUser(data: JsonObject): Promise<string>;
  /**
   * Makes the object of this uid of `data`, unless it is there. Resolves with its R; rejects with 403 where
   * it was deleted, and as a create is refused.
   */
  ensureUser(uid: string, data: JsonObject): Promise<string>;
}

export interface AppAuthorityOptions {
  readonly services: Services;
  readonly log: Log;
  /** `/users`: where the users' objects are made. */
  readonly users: string;
}

export function appAuthority(options: AppAuthorityOptions): AppAuthority {
  const { services, users } = options;
  return {
    createUser: (data) => createUser(options, users, data),
    async ensureUser(uid, data) {
      const r = `${users}/${uid}`;
      const held = await services.objects.head(r);
      if (held?.deleted) throw fail('forbidden');
      return held ? r : await createUser(options, r, data).catch(unlessThere(r));
    },
  };
}

/** Somebody else made it in the same moment. */
function unlessThere(r: string): (error: unknown) => string {
  return (error) => {
    if (error instanceof ProtocolError && error.message === 'object.already.exist') return r;
    throw error;
  };
}

/** The app itself, as hooks see it and as the changes that it makes are signed. */
const theApp: Auth = { uid: '_app', authType: 'app' };

/** Fields, references and on-validate.js are judged as for every create, but no access rule is asked. */
async function createUser(
  { services, log }: AppAuthorityOptions,
  r: string,
  data: JsonObject,
): Promise<string> {
  const target = parseR(r);
  if (!target) throw fail('r.invalid');
  const listener = { auth: theApp, congested: false, push() {} };
  const context: CommandContext = { services, auth: theApp, listener, log };
  const request: CreateRequest = { cmd: 'create', tag: 0, target, body: data, cmdOpts: {} };
  const creation = new Creation(context, request, 'unrestricted');
  let made = '';
  await writeAlone(context, request, {
    request: () => creation.request(),
    get taken() {
      return creation.taken;
    },
    refusal: (found) => creation.refusal(found),
    reply: ({ object }) => {
      made = object.r;
      return {};
    },
    repeated: (first) => creation.repeated(first),
  });
  return made;
}
