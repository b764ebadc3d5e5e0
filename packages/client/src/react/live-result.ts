import type { LiveSnapshot, LiveStatus } from '../live/live-snapshot.js';
import { ReallyError } from '../really-error.js';

/** What a hook returns of a live copy: the same object until something changes. */
export interface LiveResult<Value> extends Omit<LiveSnapshot<Value>, 'status'> {
  /** `disabled`: the address is null. The others are those of live copies. */
  readonly status: Exclude<LiveStatus, 'closed'> | 'disabled';
}

const nothing = { value: undefined, pending: false, error: undefined };

export const disabledResult: LiveResult<never> = { status: 'disabled', stale: false, ...nothing };

export const loadingResult: LiveResult<never> = { status: 'loading', stale: true, ...nothing };

/** Of what is no address. A hook does not throw. */
export function failedResult(r: string, cause: unknown): LiveSnapshot<never> {
  return { ...nothing, status: 'failed', stale: true, error: noAddress(r, cause) };
}

export function noAddress(r: string, cause: unknown): ReallyError {
  return new ReallyError({ code: 400, message: 'r.invalid', r, retry: 'never', cause });
}
