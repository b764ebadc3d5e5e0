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

/** Waits for all of them. Throws one `StartError` with the problems of all; a bug is thrown as it is. */
export async function allStarted<T>(starting: readonly Promise<T>[]): Promise<T[]> {
  const failures = (await Promise.allSettled(starting)).flatMap((outcome) =>
    outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
  );
  const problems = failures.flatMap((failure) =>
    failure instanceof StartError ? failure.problems : [],
  );
  const bug = failures.find((failure) => !(failure instanceof StartError));
  if (bug !== undefined) throw bug;
  const isPermanent = failures.some(
    (failure) => failure instanceof StartError && failure.permanent,
  );
  if (problems.length > 0) throw new StartError(problems, failures[0], isPermanent);
  return await Promise.all(starting);
}

/** Collects the problems of one part, so that the other parts are checked too. */
export async function started<T>(find: () => T): Promise<T> {
  return find();
}
