import { machine, median, ratio, table, thousands } from './report.js';
import {
  BenchHalls,
  BenchRoom,
  hallModels,
  type RoomCollection,
  roomModels,
} from './scenarios/rooms.js';
import { startTarget } from './targets/target.js';

const isQuick = process.env.BENCH_QUICK === '1';

interface Cost {
  readonly says: string;
  readonly members: number;
  readonly objects: number;
  readonly measure: (room: BenchRoom) => Promise<number>;
}

const costs: readonly Cost[] = [
  {
    says: 'a write that is pushed to 1,000 members',
    ...{ members: 1000, objects: 10 },
    measure: (room) => room.write(isQuick ? 30 : 200),
  },
  {
    says: 'reading 1,000 objects',
    ...{ members: 0, objects: 1000 },
    measure: (room) => room.read(isQuick ? 30 : 200),
  },
  {
    says: 'taking one of 1,000 memberships away',
    ...{ members: 1000, objects: 10 },
    measure: (room) => room.revoke(isQuick ? 30 : 200),
  },
];

/** What rules that look a membership up cost, beside a rule `true` (rule LKP5). */
export async function roomTable(rounds: number): Promise<string> {
  const rows: string[][] = [];
  for (const { says, measure, ...size } of costs) {
    const medianOf = async (collection: RoomCollection): Promise<number> => {
      const target = await startTarget('really', {}, roomModels);
      try {
        const room = await BenchRoom.begin(target, collection, size);
        await measure(room);
        const results: number[] = [];
        for (let round = 0; round < rounds; round++) results.push(await measure(room));
        room.close();
        return median(results);
      } finally {
        await target.stop();
      }
    };
    const [plain, looked] = [await medianOf('notes'), await medianOf('tasks')];
    rows.push([says, thousands(plain), thousands(looked), ratio(looked, plain)]);
    console.log(rows.at(-1)?.join(' | '));
  }
  rows.push(...(await hallRows(rounds)));
  const head = ['rooms', 'processor µs, rule `true`', 'with a membership', 'ratio'];
  return `Measured on ${machine()}; medians of ${rounds} rounds.\n\n${table(head, rows)}`;
}

/** Reading the few rooms that one may see, beside as many which all may see. */
async function hallRows(rounds: number): Promise<string[][]> {
  const size = { halls: 1000, mine: 10 };
  const reads = isQuick ? 50 : 200;
  const target = await startTarget('really', {}, hallModels);
  try {
    const halls = await BenchHalls.begin(target, size);
    const medianOf = async (r: string): Promise<number> => {
      await halls.read(r, reads);
      const results: number[] = [];
      for (let round = 0; round < rounds; round++) results.push(await halls.read(r, reads));
      return median(results);
    };
    const rows: string[][] = [];
    for (const [what, below] of [
      ['rooms', ''],
      ['objects of rooms', '/*/tasks'],
    ] as const) {
      const plain = await medianOf(`/lobbies${below}`);
      const looked = await medianOf(`/halls${below}`);
      const says = `reading 10 of ${thousands(size.halls)} ${what}, or all of 10`;
      rows.push([says, thousands(plain), thousands(looked), ratio(looked, plain)]);
      console.log(rows.at(-1)?.join(' | '));
    }
    halls.close();
    return rows;
  } finally {
    await target.stop();
  }
}
