import type { Progress, ProgressPart } from '../../platform/progress.js';

/** Minimum milliseconds between two lines, and the interval after which a line is printed anyway. */
const leastWait = 1000;
const mostWait = 10_000;

/** Plain lines, for logs and pipes: one at the beginning, and one for every tenth, at most one a second. */
export function lineProgress(tell: (line: string) => void, now: () => number): Progress {
  let part: ProgressPart | undefined;
  let done = 0;
  let told = { tenths: 0, at: 0 };
  return {
    begin(next) {
      part = next;
      done = next.done ?? 0;
      told = { tenths: tenthsOf(part, done), at: now() };
      tell(lineOf(part, done));
    },
    advance(count) {
      if (!part) return;
      done += count;
      const waited = now() - told.at;
      const tenths = tenthsOf(part, done);
      if (waited < leastWait || (tenths === told.tenths && waited < mostWait)) return;
      told = { tenths, at: now() };
      tell(lineOf(part, done));
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
