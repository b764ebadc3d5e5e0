import { systemCode } from '../platform/system-reason.js';
import { StoreRefused } from '../store/store-errors.js';

export { systemReason } from '../platform/system-reason.js';

/**
 * The server cannot start, for a reason that an operator can fix: a port in use, a folder that cannot be written,
 * models that do not load. Any other error that start throws is a bug.
 */
export class StartError extends Error {
  override readonly name = 'StartError';
  /** One complete, readable line each. */
  readonly problems: readonly string[];
  /** Whether starting again fails the same way until somebody changes something. Other problems may be temporary. */
  readonly permanent: boolean;
  constructor(problems: readonly string[], cause?: unknown, permanent = isPermanent(cause)) {
    super(problems.join('\n'), { cause });
    this.problems = problems;
    this.permanent = permanent;
  }
}

/** System errors about files that are missing, not accessible, or not of the expected kind. */
const permanentCodes = new Set(
  'EACCES EPERM EROFS ENOENT ENOTDIR EISDIR EEXIST ELOOP ENAMETOOLONG'.split(' '),
);

/** Errors without a cause come from checking the configuration, which does not change by itself. */
function isPermanent(cause: unknown): boolean {
  if (cause === undefined) return true;
  if (cause instanceof StartError) return cause.permanent;
  if (cause instanceof StoreRefused) return !cause.passing;
  return permanentCodes.has(systemCode(cause));
}

/**
 * Waits for all of them. Throws one `StartError` with the problems of all; a bug is thrown as it is.
 * To be called in the tick in which they are started: a failure in between would be an unhandled
 * rejection.
 */
export async function allStarted<T extends readonly unknown[] | []>(
  starting: T,
): Promise<{ -readonly [Index in keyof T]: Awaited<T[Index]> }> {
  const failures: StartError[] = [];
  for (const outcome of await Promise.allSettled(starting)) {
    if (outcome.status === 'fulfilled') continue;
    if (!(outcome.reason instanceof StartError)) throw outcome.reason;
    failures.push(outcome.reason);
  }
  if (failures.length === 0) return await Promise.all(starting);
  const problems = failures.flatMap((failure) => failure.problems);
  const isPermanent = failures.some(({ permanent }) => permanent);
  throw new StartError(problems, failures[0], isPermanent);
}

/** Collects the problems of one part, so that the other parts are checked too. */
export async function started<T>(find: () => T): Promise<T> {
  return find();
}
