import { performance } from 'node:perf_hooks';
import { type Options, SingleBar } from 'cli-progress';
import type { Progress, ProgressPart } from '../platform/progress.js';
import { printLine } from './report-error.js';

/** Progress of long work, on stderr so that stdout has only data: a bar on a terminal, plain lines otherwise (rule CLI11). */
export function openProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  if (stream.isTTY) return barProgress(stream);
  return lineProgress(printLine, () => performance.now());
}

/** Maximum width of the rest of the line. */
const textWidth = 62;

/** A progress bar, redrawn in its line. */
function barProgress(stream: NodeJS.WriteStream): Progress {
  let bar: SingleBar | undefined;
  let count = 0;
  return {
    begin({ doing, unit, total, done = 0 }) {
      bar?.stop();
      count = done;
      const known = total !== undefined && total > 0;
      bar = new SingleBar(optionsFor(stream, known));
      bar.start(known ? Math.max(total, done) : 0, done, { doing, unit });
    },
    advance(more) {
      count += more;
      // The number of objects may have grown since it was counted.
      if (bar && count > bar.getTotal()) bar.setTotal(count);
      bar?.update(count);
    },
    end() {
      bar?.stop();
      bar = undefined;
    },
  };
}

function optionsFor(stream: NodeJS.WriteStream, known: boolean): Options {
  return {
    stream,
    format: known
      ? '{doing} [{bar}] {percentage} % {value} of {total} {unit}, {eta_formatted} left'
      : '{doing} {value} {unit}',
    barsize: Math.max(5, Math.min(40, (stream.columns || 80) - textWidth)),
    formatValue: (value, _options, type) =>
      type === 'value' || type === 'total' ? value.toLocaleString('en') : String(value),
    // Without these options a process that is killed would leave the terminal with line wrapping off.
    linewrap: true,
    hideCursor: false,
  };
}

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
