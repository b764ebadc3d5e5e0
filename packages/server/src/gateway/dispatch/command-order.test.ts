import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { OrderKey } from '../../commands/order-keys.js';
import { CommandOrder } from './command-order.js';

/** A command that the test starts and ends by hand. */
function command(order: CommandOrder, name: string, claims: OrderKey[], events: string[]) {
  const ticket = order.enter(claims);
  ticket.start(() => events.push(`+${name}`));
  return () => ticket.respond(() => events.push(`-${name}`));
}

const read = (r: string): OrderKey => ({ r, mode: 'read' });
const write = (r: string): OrderKey => ({ r, mode: 'write' });
const exclusive = (r: string): OrderKey => ({ r, mode: 'exclusive' });

test('[ENV4] writes start at once and answer in order', () => {
  const order = new CommandOrder();
  const events: string[] = [];
  const a = command(order, 'a', [write('/x')], events);
  const b = command(order, 'b', [write('/x')], events);
  b();
  expect(events).toEqual(['+a', '+b']);
  a();
  expect(events).toEqual(['+a', '+b', '-a', '-b']);
  expect(order.size).toBe(0);
});

test('[ENV4] a read waits for the writes before it, and a write for the reads', () => {
  const order = new CommandOrder();
  const events: string[] = [];
  const a = command(order, 'a', [write('/x')], events);
  const b = command(order, 'b', [read('/x')], events);
  const c = command(order, 'c', [read('/x')], events);
  const d = command(order, 'd', [write('/x')], events);
  expect(events).toEqual(['+a']);
  a();
  expect(events).toEqual(['+a', '-a', '+b', '+c']);
  c();
  b();
  expect(events).toEqual(['+a', '-a', '+b', '+c', '-b', '-c', '+d']);
  d();
  expect(order.size).toBe(0);
});

test('[ENV4] an exclusive command runs alone on its R', () => {
  const order = new CommandOrder();
  const events: string[] = [];
  const a = command(order, 'a', [exclusive('/x'), exclusive('/y')], events);
  const b = command(order, 'b', [exclusive('/y')], events);
  command(order, 'c', [read('/z')], events)();
  expect(events).toEqual(['+a', '+c', '-c']);
  a();
  b();
  expect(events).toEqual(['+a', '+c', '-c', '-a', '+b', '-b']);
});

test('[ENV4] commands on other Rs do not wait', () => {
  const order = new CommandOrder();
  const events: string[] = [];
  command(order, 'a', [write('/x')], events);
  command(order, 'b', [read('/y')], events)();
  expect(events).toEqual(['+a', '+b', '-b']);
});

test('[ENV4] random commands ending in random order are all answered, in order per R', () => {
  const claim = fc.record<OrderKey>({
    r: fc.constantFrom('/a', '/b', '/c'),
    mode: fc.constantFrom('read', 'write', 'exclusive'),
  });
  const commands = fc.array(fc.uniqueArray(claim, { maxLength: 3, selector: ({ r }) => r }), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(commands, fc.infiniteStream(fc.nat()), (claims, choices) => {
      const order = new CommandOrder();
      const started: number[] = [];
      const answered: number[] = [];
      const tickets = claims.map((keys) => order.enter(keys));
      tickets.forEach((ticket, index) => {
        ticket.start(() => started.push(index));
      });
      const ended = new Set<number>();
      while (ended.size < claims.length) {
        const running = started.filter((index) => !ended.has(index));
        const chosen = running[choices.next().value % running.length];
        // Some did not end, but none runs: a deadlock.
        if (chosen === undefined) throw new Error(`stuck with ${started.length} started`);
        ended.add(chosen);
        tickets[chosen]?.respond(() => answered.push(chosen));
      }
      expect(answered.length).toBe(claims.length);
      for (const r of ['/a', '/b', '/c']) {
        const onR = answered.filter((index) => claims[index]?.some((keys) => keys.r === r));
        expect(onR).toEqual(onR.toSorted((a, b) => a - b));
      }
      expect(order.size).toBe(0);
    }),
  );
});
