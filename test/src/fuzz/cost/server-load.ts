import { readdirSync, readFileSync } from 'node:fs';

/** Milliseconds that all threads of a process spent on a processor. Linux: proc(5); 0 elsewhere. */
export function processorTime(pid: number): number {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.reduce((sum, thread) => sum + threadTime(pid, thread), 0);
  } catch {
    return 0;
  }
}

/** Bytes of resident memory. Linux: proc(5); 0 elsewhere. */
export function residentBytes(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

function threadTime(pid: number, thread: string): number {
  try {
    const [nanoseconds] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
    return Number(nanoseconds) / 1e6;
  } catch {
    // It has ended.
    return 0;
  }
}
