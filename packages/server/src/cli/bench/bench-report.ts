import { type Measured, percentile } from './measure.js';

const columns = ['operation', 'count', 'per second', 'p50 ms', 'p90 ms', 'p99 ms', 'max ms'];

/** The results as a table of plain text. */
export function benchReport(results: readonly Measured[]): string {
  const rows = [columns, ...results.map(rowOf)];
  const widths = columns.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const lines = rows.map((row) => {
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
    return cells.join('  ').trimEnd();
  });
  return `${lines.join('\n')}\n`;
}

function rowOf({ name, seconds, latencies }: Measured): string[] {
  const count = latencies.length;
  const times = [50, 90, 99].map((percent) => shown(percentile(latencies, percent)));
  const longest = shown(latencies.at(-1) ?? Number.NaN);
  return [name, String(count), String(Math.round(count / seconds)), ...times, longest];
}

const shown = (ms: number): string => (Number.isNaN(ms) ? '-' : ms.toFixed(2));
