/**
 * The server can not start, for a reason that whoever runs it can mend: a port in use, a folder
 * that can not be written, models that do not load. Anything else that start throws is a bug.
 */
export class StartError extends Error {
  override readonly name = 'StartError';
  /** One complete line each, for people. */
  readonly problems: readonly string[];
  constructor(problems: readonly string[], cause?: unknown) {
    super(problems.join('\n'), { cause });
    this.problems = problems;
  }
}

/** Waits for all of them. Throws one `StartError` with everything that any of them says is wrong; a bug is thrown as it is. */
export async function allStarted<T>(starting: readonly Promise<T>[]): Promise<T[]> {
  const failures = (await Promise.allSettled(starting)).flatMap((one) =>
    one.status === 'rejected' ? [one.reason as unknown] : [],
  );
  const problems = failures.flatMap((one) => (one instanceof StartError ? one.problems : []));
  const bug = failures.find((one) => !(one instanceof StartError));
  if (bug !== undefined) throw bug;
  if (problems.length > 0) throw new StartError(problems, failures[0]);
  return await Promise.all(starting);
}

/** So that what one part finds wrong does not keep the others from being looked at. */
export async function started<T>(find: () => T): Promise<T> {
  return find();
}

/** Why the system refused something, in words. */
export function systemReason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    case 'EROFS':
      return 'the file system is read-only';
    case 'ENOSPC':
      return 'the disk is full';
    case 'ENOTDIR':
    case 'EEXIST':
      return 'there is a file in the way';
    case 'ENOENT':
      return 'it does not exist';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
