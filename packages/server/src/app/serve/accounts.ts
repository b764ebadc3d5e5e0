import { Accounts } from '../../accounts/accounts.js';
import { argon2Hasher } from '../../accounts/passwords/argon2-hasher.js';
import type { HashLimiter } from '../../accounts/passwords/hash-limiter.js';
import type { Audit } from '../../auth/audit.js';
import type { Revocations } from '../../auth/revocations.js';
import type { Tokens } from '../../auth/tokens.js';
import type { Services } from '../../commands/services.js';
import type { Log } from '../../platform/log.js';
import type { Metrics } from '../../platform/metrics.js';
import type { Config } from '../config/config-definition.js';
import { emailTransportOf } from './email-transport.js';

export interface AccountsPorts {
  readonly services: Services;
  readonly tokens: Tokens;
  readonly revocations: Pick<Revocations, 'revokeUid'>;
  readonly audit: Audit;
  readonly serverHashes: HashLimiter;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** The password accounts of an app. */
export function accountsOf({ values }: Config, ports: AccountsPorts): Accounts {
  const { random } = ports.services.platform;
  const hasher = argon2Hasher({
    memory: values['auth.hashMemory'],
    passes: values['auth.hashPasses'],
    random,
  });
  const config = {
    users: values['auth.users'],
    signup: values['auth.signup'],
    tokenLife: values['auth.life.password'],
    concurrentHashes: values['limits.concurrentHashes'],
    queuedHashes: values['limits.queuedHashes'],
    pendingJobs: values['limits.pendingJobs'],
  };
  const emailTransport = emailTransportOf(values, ports.services.platform);
  const revokeTokens = (uid: string) => ports.revocations.revokeUid(uid);
  return new Accounts({ ...ports, revokeTokens, hasher, emailTransport, config });
}
