import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { liveQueryTable } from './live-queries.js';
import { machine, median, ratio, table, thousands } from './report.js';
import { roomTable } from './rooms.js';
import { fanOut } from './scenarios/fan-out.js';
import { latency } from './scenarios/latency.js';
import { writes } from './scenarios/writes.js';
import { before, startTarget, type TargetName, type TargetServer } from './targets/target.js';

// Every scenario runs against every target in turn, several rounds; what is reported is the median.

const rounds = Number(process.env.BENCH_ROUNDS ?? 3);
const only = process.argv[2];
const others: readonly TargetName[] =
  before === undefined ? ['bare loop, shared frames', 'bare loop, ws.send'] : ['really before'];
const targets: readonly TargetName[] = ['really', ...others];

interface Row {
  readonly scenario: string;
  readonly unit: string;
  readonly measure: (target: TargetServer) => Promise<number>;
}

const rows: Row[] = [
  ...[1, 100, 1000].map((subscribers) => ({
    scenario: `fan-out: 1 object, ${subscribers} subscribers, 16 updates in flight`,
    unit: 'deliveries/s',
    measure: (target: TargetServer) =>
      fanOut(target, {
        subscribers,
        inFlight: 16,
        updates: subscribers === 1000 ? 4000 : subscribers === 100 ? 20_000 : 30_000,
      }),
  })),
  ...(['create', 'update'] as const).flatMap((cmd) =>
    [1, 16].map((inFlight) => ({
      scenario: `${cmd}: 64 connections, ${inFlight === 1 ? 'sequential' : `${inFlight} in flight each`}`,
      unit: 'durable writes/s',
      measure: async (target: TargetServer) =>
        (await writes(target, { cmd, connections: 64, inFlight, total: 40_000 })).perSecond,
    })),
  ),
  ...([50, 99] as const).map((percent) => ({
    scenario: `write to push at 200 updates/s, p${percent}`,
    unit: 'ms',
    measure: async (target: TargetServer) => {
      const result = await latency(target, 200, 5);
      return percent === 50 ? result.p50 : result.p99;
    },
  })),
];

async function measure(row: Row, name: TargetName): Promise<number> {
  const target = await startTarget(name);
  try {
    return await row.measure(target);
  } finally {
    await target.stop();
  }
}

async function run(row: Row): Promise<string[]> {
  const results = new Map<TargetName, number[]>(targets.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    // In turns, since what runs first in a round is a little slower.
    const order = round % 2 === 0 ? targets : [...targets].reverse();
    for (const name of order) results.get(name)?.push(await measure(row, name));
  }
  const values = targets.map((name) => median(results.get(name) ?? []));
  const [really = Number.NaN, ...rest] = values;
  const print = row.unit === 'ms' ? (value: number) => value.toFixed(2) : thousands;
  const cells = [
    row.scenario,
    row.unit,
    ...values.map(print),
    ...rest.map((value) => ratio(really, value)),
  ];
  console.log(cells.join(' | '));
  return cells;
}

const cells: string[][] = [];
for (const row of rows) {
  if (only === undefined || row.scenario.includes(only)) cells.push(await run(row));
}

const head = ['scenario', 'unit', ...targets, ...others.map((name) => `of ${name}`)];
const result = `Measured on ${machine()}; medians of ${rounds} rounds.\n\n${table(head, cells)}`;
const withLive = only === undefined || 'live-queries'.includes(only);
const live = withLive ? await liveQueryTable(rounds) : '';
const withRooms = only === undefined || 'rooms'.includes(only);
const rooms = withRooms ? await roomTable(rounds) : '';
const readme = fileURLToPath(new URL('../README.md', import.meta.url));
if (only === undefined && before === undefined) {
  const text = readFileSync(readme, 'utf8');
  writeFileSync(
    readme,
    text
      .replace(/(<!-- results -->)[\s\S]*(<!-- end of results -->)/, `$1\n\n${result}\n\n$2`)
      .replace(
        /(<!-- live queries -->)[\s\S]*(<!-- end of live queries -->)/,
        `$1\n\n${live}\n\n$2`,
      )
      .replace(/(<!-- rooms -->)[\s\S]*(<!-- end of rooms -->)/, `$1\n\n${rooms}\n\n$2`),
  );
}
console.log(`\n${result}\n\n${live}\n\n${rooms}`);
