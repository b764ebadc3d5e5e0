import { expect, test } from 'vitest';
import { type TransitionTable, transition } from './state-machine.js';

type Named<Union, Key extends 'state' | 'event', Name> = Extract<
  Union,
  { readonly [K in Key]: Name }
>;

/** A test for every cell of a table: which state follows, from an example of each state and event. */
export function testCells<
  State extends { readonly state: string },
  Event extends { readonly event: string },
>(
  rule: string,
  table: TransitionTable<State, Event>,
  {
    states,
    events,
    next,
  }: {
    readonly states: { readonly [S in State['state']]: Named<State, 'state', S> };
    readonly events: { readonly [E in Event['event']]: Named<Event, 'event', E> };
    /** By state, by event: the name of the next state, or = where nothing changes. */
    readonly next: {
      readonly [S in State['state']]: { readonly [E in Event['event']]: State['state'] | '=' };
    };
  },
): void {
  const stateNames = Object.keys(states) as State['state'][];
  const eventNames = Object.keys(events) as Event['event'][];
  for (const from of stateNames) {
    for (const event of eventNames) {
      const to = next[from][event];
      test(`${rule} ${from}, ${event}: ${to === '=' ? 'nothing changes' : to}`, () => {
        const before: State = states[from];
        const after = transition(table, before, events[event] as Event);
        if (to === '=') expect(after).toBe(before);
        else expect([after.state, after === before]).toEqual([to, false]);
      });
    }
  }
}
