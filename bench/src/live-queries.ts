import { machine, median, ratio, table, thousands } from './report.js';
import {
  type LiveQueries,
  type LiveQueriesResult,
  WatchedQueries,
} from './scenarios/live-queries.js';
import { before, startTarget, type TargetName } from './targets/target.js';

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

/** The servers that take turns, each with its queries. */
const names: readonly TargetName[] =
  before === undefined ? ['really'] : ['really', 'really before'];

/** Of each server, a result for each round. */
async function measure(options: LiveQueries, rounds: number): Promise<LiveQueriesResult[][]> {
  const targets = await Promise.all(names.map((name) => startTarget(name, env)));
  try {
    const watched: WatchedQueries[] = [];
    // What takes long is to subscribe so many: it is done once.
    for (const target of targets) watched.push(await WatchedQueries.begin(target, options));
    for (const one of watched) await one.measure(writes);
    const results: LiveQueriesResult[][] = watched.map(() => []);
    for (let round = 0; round < rounds; round++) {
      for (const [index, one] of watched.entries()) results[index]?.push(await one.measure(writes));
    }
    for (const one of watched) one.close();
    return results;
  } finally {
    for (const target of targets) await target.stop();
  }
}

/** What a write costs by the number of live queries, of which one matches; beside what it did before, where that is asked for. */
export async function liveQueryTable(rounds: number): Promise<string> {
  const rows: string[][] = [];
  for (const { form, says } of forms) {
    let least: number | undefined;
    for (const queries of counts) {
      const [now = [], earlier] = await measure({ form, queries }, rounds);
      const cpu = median(now.map((one) => one.cpu));
      least ??= cpu;
      const perSecond = median(now.map((one) => one.perSecond));
      const was = earlier && median(earlier.map((one) => one.cpu));
      rows.push([
        `${says}, ${thousands(queries)} queries`,
        thousands(cpu),
        ratio(cpu, least),
        thousands(perSecond),
        ...(was === undefined ? [] : [thousands(was), ratio(cpu, was)]),
      ]);
      console.log(rows.at(-1)?.join(' | '));
    }
  }
  const head = [
    ...['live queries', 'processor µs per write', 'of that with the fewest', 'writes/s'],
    ...(before === undefined ? [] : ['µs before', 'of that before']),
  ];
  return `Measured on ${machine()}; medians of ${rounds} rounds.\n\n${table(head, rows)}`;
}
