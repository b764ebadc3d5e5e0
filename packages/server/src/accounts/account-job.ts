import type { JsonObject } from '@really/protocol';

/** What is to be done after an answer, and also after a crash. */
export type AccountJob =
  /** A letter with which the owner of the address, if it has one, can set another password. */
  | { readonly kind: 'reset'; readonly email: string }
  /** A letter with which an owner shows that the address is theirs. */
  | { readonly kind: 'verify'; readonly uid: string }
  /** A letter that tells that another password was set. */
  | { readonly kind: 'changed'; readonly uid: string }
  /** Every token of the uid is to be revoked. */
  | { readonly kind: 'revoke'; readonly uid: string };

/** An errand as it is stored, at `/_jobs/<id>`. */
export interface StoredAccountJob {
  readonly job: AccountJob;
  /** How often it was tried in vain. */
  readonly attempts: number;
}

/** The collection of the records. */
export const jobsCollection = '_jobs';

export function jobRecord({ job: errand, attempts }: StoredAccountJob): JsonObject {
  return { ...errand, attempts };
}

/** `undefined` where it is none that this version knows. */
export function readJob(record: JsonObject): StoredAccountJob | undefined {
  const { kind, uid, email, attempts } = record;
  if (typeof attempts !== 'number') return undefined;
  switch (kind) {
    case 'reset':
      return typeof email === 'string' ? { job: { kind, email }, attempts } : undefined;
    case 'verify':
    case 'changed':
    case 'revoke':
      return typeof uid === 'string' ? { job: { kind, uid }, attempts } : undefined;
    default:
      return undefined;
  }
}
