import { systemCode } from '../platform/system-reason.js';
import { StoreRefused } from '../store/store.js';

export { systemReason } from '../platform/system-reason.js';

/**
 * The server cannot start, for a reason that whoever runs it can mend: a port in use, a folder
 * that cannot be written, models that do not load. Anything else that start throws is a bug.
 */
export class StartError extends Error {
  override readonly name = 'StartError';
  /** One complete line each, for people. */
  readonly problems: readonly string[];
  /** Starting again ends the same until somebody changes something: what else is wrong may pass. */
  readonly permanent: boolean;
  constructor(problems: readonly string[], cause?: unknown, permanent = isPermanent(cause)) {
    super(problems.join('\n'), { cause });
    this.problems = problems;
    this.permanent = permanent;
  }
}

/** What the system says of files that are not there, not ours, or something else than expected. */
const permanentCodes = new Set(
  'EACCES EPERM EROFS ENOENT ENOTDIR EISDIR EEXIST ELOOP ENAMETOOLONG'.split(' '),
);

/** Without a cause it was found by looking at what was given, which stays as it is. */
function isPermanent(cause: unknown): boolean {
  if (cause === undefined) return true;
  if (cause instanceof StartError) return cause.permanent;
  if (cause instanceof StoreRefused) return !cause.passing;
  return permanentCodes.has(systemCode(cause));
}

/** Waits for all of them. Throws one `StartError` with everything that any of them says is wrong; a bug is thrown as it is. */
export async function allStarted<T>(starting: readonly Promise<T>[]): Promise<T[]> {
  const failures = (await Promise.allSettled(starting)).flatMap((one) =>
    one.status === 'rejected' ? [one.reason as unknown] : [],
  );
  const problems = failures.flatMap((one) => (one instanceof StartError ? one.problems : []));
  const bug = failures.find((one) => !(one instanceof StartError));
  if (bug !== undefined) throw bug;
  const isPermanent = failures.some((one) => one instanceof StartError && one.permanent);
  if (problems.length > 0) throw new StartError(problems, failures[0], isPermanent);
  return await Promise.all(starting);
}

/** So that what one part finds wrong does not keep the others from being looked at. */
export async function started<T>(find: () => T): Promise<T> {
  return find();
}
