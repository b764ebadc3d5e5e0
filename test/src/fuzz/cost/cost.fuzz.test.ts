import { afterAll, beforeAll, expect, test } from 'vitest';
import { recipesOf } from './cost-climb.js';
import { type Cost, CostServer } from './cost-server.js';
import type { Recipe } from './plan.js';
import { mostBytes } from './values.js';

/** Milliseconds that others may wait for what one sends, however slow the machine that runs the tests. */
const longestStall = 5000;

let server: CostServer;
beforeAll(async () => {
  server = await CostServer.start(mostBytes);
});
afterAll(async () => await server[Symbol.asyncDispose]());

/** What is wrong whatever the machine does; the wait counts where it is long three times in a row. */
async function complaintsOf(recipe: Recipe): Promise<readonly string[]> {
  let cost: Cost | undefined;
  for (let attempt = 0; attempt < 3; attempt++) {
    cost = await server.costOf(recipe);
    if (!cost) return [];
    if (cost.complaints.length > 0) return cost.complaints;
    if (cost.stall < longestStall) return [];
  }
  return [`others waited ${cost?.stall} ms`];
}

test('[DUR5] [ERR2] [SES11] [ENV2] requests composed for cost are answered or end their connection, and delay nobody else', async () => {
  const wrong: { recipe: Recipe; complaints: readonly string[] }[] = [];
  for (const recipe of recipesOf(20_261_129, 300)) {
    const complaints = await complaintsOf(recipe);
    if (complaints.length > 0) wrong.push({ recipe, complaints });
  }
  expect(wrong).toEqual([]);
}, 900_000);
