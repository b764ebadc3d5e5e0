// `npm run fuzz:cost -- --minutes 60 --seed 1`: looks for the dearest requests, and prints the ten best. See the help below.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CostClimb, type PricedRecipe, priceOf } from './cost-climb.js';
import { type Cost, CostServer } from './cost-server.js';
import type { Recipe } from './plan.js';
import { mostBytes } from './values.js';

const help = `Looks for the requests that cost a server most for each byte that is sent.

  --minutes N   how long it looks; 10 unless given
  --seed N      where it begins; 1 unless given
  --bytes N     bytes of a request at most; ${mostBytes} unless given
  --file FILE   where the ten best go as JSON; fuzz-cost.json unless given
  --replay JSON measures this one, {"shape": …, "settings": […]}, three times instead
`;

const heading = 'requests           price  times   bytes  processor ms  stall ms  memory MB';

const { values: given } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    bytes: { type: 'string', default: String(mostBytes) },
    file: { type: 'string', default: 'fuzz-cost.json' },
    replay: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (given.help) process.stdout.write(help);
else await (given.replay === undefined ? look() : replay(JSON.parse(given.replay) as Recipe));

async function look(): Promise<void> {
  await using server = await CostServer.start(Number(given.bytes));
  const climb = new CostClimb(server, Number(given.seed));
  const end = performance.now() + Number(given.minutes) * 60_000;
  let reported = performance.now();
  while (performance.now() < end) {
    await climb.step();
    if (performance.now() - reported > 60_000) {
      reported = performance.now();
      report(climb);
    }
  }
  report(climb);
}

function report(climb: CostClimb): void {
  const best = climb.dearest(10);
  const complaints = [...new Map(climb.complaints.map((one) => [one.complaint, one])).values()];
  writeFileSync(
    given.file,
    `${JSON.stringify({ tried: climb.tried, best, complaints }, null, 1)}\n`,
  );
  const lines = best.map(({ recipe, cost, price }) => row(recipe.shape, cost, price));
  process.stdout.write(
    `\n${climb.tried} tried; by price per kilobyte (see --file for the recipes)\n`,
  );
  process.stdout.write(`${[heading, ...lines].join('\n')}\n`);
  for (const { complaint, recipe } of complaints) {
    process.stdout.write(`! ${complaint}: ${recipe.shape}\n`);
  }
}

function row(shape: string, cost: Cost, price: PricedRecipe['price']): string {
  return [
    shape.padEnd(15),
    price.toFixed(1).padStart(7),
    String(cost.requests).padStart(6),
    String(cost.bytes).padStart(7),
    cost.processor.toFixed(1).padStart(13),
    cost.stall.toFixed(1).padStart(9),
    (cost.memory / 1e6).toFixed(1).padStart(10),
  ].join(' ');
}

async function replay(recipe: Recipe): Promise<void> {
  await using server = await CostServer.start(Number(given.bytes));
  process.stdout.write(`${heading}\n`);
  for (let again = 0; again < 3; again++) {
    const cost = await server.costOf(recipe);
    if (!cost) throw new Error(`it is larger than ${given.bytes} bytes`);
    process.stdout.write(`${row(recipe.shape, cost, priceOf(cost))}\n`);
    for (const complaint of cost.complaints) process.stdout.write(`! ${complaint}\n`);
  }
}
