import { readFileSync, readlinkSync } from 'node:fs';

/** CPU time of a thread, in milliseconds, if the system has it (Linux): a thread that got no processor has not exceeded its time. */
export type CpuTime = () => number | undefined;

/** Worker: the system's id of this thread. */
export function threadName(): string | undefined {
  try {
    return readlinkSync('/proc/thread-self');
  } catch {
    return undefined;
  }
}

export function cpuTimeOf(name: string | undefined): CpuTime {
  if (name === undefined || !/^\d+\/task\/\d+$/.test(name)) return () => undefined;
  return () => {
    try {
      const nanoseconds = Number(readFileSync(`/proc/${name}/schedstat`, 'latin1').split(' ')[0]);
      return Number.isFinite(nanoseconds) ? nanoseconds / 1e6 : undefined;
    } catch {
      return undefined;
    }
  };
}
