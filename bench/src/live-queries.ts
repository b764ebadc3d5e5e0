import { machine, median, ratio, table, thousands } from './report.js';
import { type LiveQueries, liveQueries } from './scenarios/live-queries.js';
import { startTarget } from './targets/target.js';

/** `BENCH_QUICK=1`: a look at it, in seconds. */
const isQuick = process.env.BENCH_QUICK === '1';
const counts = isQuick ? [100, 1000] : [100, 10_000, 100_000];
const writes = isQuick ? 2000 : 10_000;

const forms: readonly { readonly form: LiveQueries['form']; readonly says: string }[] = [
  { form: 'equal', says: '`field = $v`' },
  { form: 'range', says: '`field between $v`' },
];

/** So many queries are more than a client may have, and than a server expects. */
const env = {
  REALLY_LIMITS_QUERIES: '10000',
  REALLY_LIMITS_SUBSCRIPTIONS: '10000',
  REALLY_LIMITS_QUERIES_AT_ONCE: '64',
};

async function measure(options: LiveQueries) {
  const target = await startTarget('really', env);
  try {
    return await liveQueries(target, options);
  } finally {
    await target.stop();
  }
}

/** What a write costs by the number of live queries, of which one matches. */
export async function liveQueryTable(rounds: number): Promise<string> {
  const rows: string[][] = [];
  for (const { form, says } of forms) {
    let least: number | undefined;
    for (const queries of counts) {
      // What takes long is to subscribe so many: it is done once.
      const results = await measure({ form, queries, writes, rounds });
      const cpu = median(results.map((one) => one.cpu));
      least ??= cpu;
      const perSecond = median(results.map((one) => one.perSecond));
      rows.push([
        `${says}, ${thousands(queries)} queries`,
        thousands(cpu),
        ratio(cpu, least),
        thousands(perSecond),
      ]);
      console.log(rows.at(-1)?.join(' | '));
    }
  }
  const head = ['live queries', 'processor µs per write', 'of that with the fewest', 'writes/s'];
  return `Measured on ${machine()}; medians of ${rounds} rounds.\n\n${table(head, rows)}`;
}
