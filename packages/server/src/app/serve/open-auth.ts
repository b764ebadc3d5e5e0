import { type PrivilegedWrites, privilegedWrites } from '../../accounts/privileged-writes.js';
import { type Audit, noAudit } from '../../auth/audit.js';
import type { VerifyingKey } from '../../auth/keys/verifying-key.js';
import type { Issuer } from '../../auth/oidc/issuer.js';
import { Revocations } from '../../auth/revocations.js';
import { Tokens } from '../../auth/tokens.js';
import type { Bus } from '../../bus/bus.js';
import type { Services } from '../../commands/services.js';
import { RevocationSource } from '../../objects/revocation-source.js';
import { SystemRecords } from '../../objects/system-records.js';
import type { Config } from '../config/config-definition.js';
import type { AppPorts } from './app-ports.js';
import { openPublished } from './open-keys.js';

/** Authentication of an app. */
export interface AppAuth {
  readonly tokens: Tokens;
  readonly revocations: Revocations;
  readonly audit: Audit;
  readonly privilegedWrites: PrivilegedWrites;
  readonly issuers: readonly Issuer[];
}

export interface AuthPorts extends AppPorts {
  readonly services: Services;
  readonly bus: Bus;
  readonly secret: string;
  readonly keys: readonly VerifyingKey[];
}

/** Opens what tokens need. Resolves when all revocations are loaded. */
export async function openAuth({ values }: Config, ports: AuthPorts): Promise<AppAuth> {
  const { services, bus, secret, keys, platform, log, metrics, shutdown } = ports;
  const { store, objects } = services;
  const { clock } = platform;
  const records = new SystemRecords(objects);
  const revocations = new Revocations({ records, clock });
  const published = openPublished(values, ports);
  const source = new RevocationSource({ revocations, records, store, bus, platform, log });
  await source.open();
  shutdown.add(async () => source.close());
  metrics.observe('really_revocations', 'Revocations in memory.', () => revocations.size);
  return {
    tokens: new Tokens({
      ...{ secret, keys, published: published.keys, platform, revocations },
      audience: values['auth.audience'],
    }),
    revocations,
    audit: services.audit ?? noAudit,
    privilegedWrites: privilegedWrites({ services, users: values['auth.users'] }),
    issuers: published.issuers,
  };
}
