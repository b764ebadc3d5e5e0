import { type Options, SingleBar } from 'cli-progress';
import type { Progress } from '../../platform/progress.js';

/** Maximum width of the rest of the line. */
const textWidth = 62;

/** A progress bar, redrawn in its line. */
export function barProgress(stream: NodeJS.WriteStream): Progress {
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
