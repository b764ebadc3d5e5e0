import type { JsonObject } from '@really/protocol';

/** Work that follows a response, and is done even after a crash. */
export type AccountJob =
  /** An email with which the owner of the address, if there is one, can set another password. */
  | { readonly kind: 'reset'; readonly email: string }
  /** An email with which an owner confirms the address. */
  | { readonly kind: 'verify'; readonly uid: string }
  /** An email that reports that another password was set. */
  | { readonly kind: 'changed'; readonly uid: string }
  /** Every token of the uid is to be revoked. */
  | { readonly kind: 'revoke'; readonly uid: string };

/** A job as it is stored, at `/_jobs/<id>`. */
export interface StoredAccountJob {
  readonly job: AccountJob;
  /** Number of failed attempts. */
  readonly attempts: number;
}

/** The collection of the records. */
export const jobsCollection = '_jobs';

export function jobRecord({ job, attempts }: StoredAccountJob): JsonObject {
  return { ...job, attempts };
}

/** `undefined` where this version cannot read it. */
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
