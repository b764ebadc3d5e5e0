import { describe, expect, test } from 'vitest';
import { prometheusMetrics } from '../app/serve/prometheus-metrics.js';
import { Budgets } from './budget.js';

async function lines(metrics: ReturnType<typeof prometheusMetrics>): Promise<string[]> {
  const { text } = await metrics.text();
  return text.split('\n').filter((line) => line.startsWith('really_limit_'));
}

describe('a total', () => {
  test('grants what is left, and refuses more without taking anything', () => {
    const total = new Budgets(prometheusMetrics()).total('limits.queryRows', 10);
    expect(total.take(6)).toBe(true);
    expect(total.take(5)).toBe(false);
    expect(total.used).toBe(6);
    expect(total.take(4)).toBe(true);
    total.giveBack(6);
    expect(total.used).toBe(4);
    expect(total.take(6)).toBe(true);
  });

  test('reports usage and refusals by key', async () => {
    const metrics = prometheusMetrics();
    const budgets = new Budgets(metrics);
    const [things, others] = [budgets.total('limits.input', 2), budgets.total('limits.outbox', 2)];
    things.take(2);
    things.take(1);
    others.take(1);
    expect(await lines(metrics)).toEqual([
      'really_limit_refused_total{key="limits.input"} 1',
      'really_limit_used{key="limits.input"} 2',
      'really_limit_used{key="limits.outbox"} 1',
    ]);
  });

  test('is reported for each app separately', async () => {
    const metrics = prometheusMetrics();
    for (const app of ['one', 'two']) {
      new Budgets(metrics.ofApp(app)).total('limits.input', 2).take(app === 'one' ? 1 : 2);
    }
    expect(await lines(metrics)).toEqual([
      'really_limit_used{app="one",key="limits.input"} 1',
      'really_limit_used{app="two",key="limits.input"} 2',
    ]);
  });
});

describe('a shared total', () => {
  function held(...amounts: number[]) {
    const shared = new Budgets(prometheusMetrics()).shared<{ name: number }>('limits.input', 100);
    const owners = amounts.map((_, name) => ({ name }));
    owners.forEach((owner, at) => void shared.set(owner, amounts[at] ?? 0));
    return { shared, owners };
  }

  test('is the sum of what each owner holds now', () => {
    const { shared, owners } = held(10, 20, 30);
    const [first = { name: 0 }, second = { name: 1 }] = owners;
    shared.set(first, 25);
    shared.set(second, 0);
    expect(shared.used).toBe(55);
  });

  test('within the limit there is nothing to free', () => {
    expect(held(50, 50).shared.largest()).toEqual([]);
  });

  test('over the limit, as few of the largest owners as needed are ended', () => {
    const { shared, owners } = held(10, 60, 5, 70, 20);
    expect(shared.isExceeded).toBe(true);
    expect(shared.largest()).toEqual([owners[3]]);
    for (const owner of owners.slice(0, 2)) shared.set(owner, 80);
    expect(shared.largest().length).toBe(2);
  });
});
