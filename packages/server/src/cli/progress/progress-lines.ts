import type { Progress, ProgressPart } from '../../platform/progress.js';

/** Minimum milliseconds between two lines, and the interval after which a line is printed anyway. */
const leastWait = 1000;
const mostWait = 10_000;

/** Plain lines, for logs and pipes: one at the beginning, and one for every tenth, at most one a second. */
export function lineProgress(print: (line: string) => void, now: () => number): Progress {
  let part: ProgressPart | undefined;
  let done = 0;
  let printed = { tenths: 0, at: 0 };
  return {
    begin(next) {
      part = next;
      done = next.done ?? 0;
      printed = { tenths: tenthsOf(part, done), at: now() };
      print(lineOf(part, done));
    },
    advance(count) {
      if (!part) return;
      done += count;
      const waited = now() - printed.at;
      const tenths = tenthsOf(part, done);
      if (waited < leastWait || (tenths === printed.tenths && waited < mostWait)) return;
      printed = { tenths, at: now() };
      print(lineOf(part, done));
    },
    end() {
      part = undefined;
    },
  };
}

function tenthsOf({ total }: ProgressPart, done: number): number {
  return total === undefined || total === 0 ? 0 : Math.floor((done / total) * 10);
}

function lineOf({ doing, unit, total }: ProgressPart, done: number): string {
  const count = done.toLocaleString('en');
  if (total === undefined) return `${doing}: ${count} ${unit}`;
  const all = Math.max(total, done);
  const percent = all === 0 ? 100 : Math.floor((done / all) * 100);
  return `${doing}: ${count} of ${all.toLocaleString('en')} ${unit} (${percent} %)`;
}
