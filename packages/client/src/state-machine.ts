/**
 * What each event does in each state: a function for every cell, and the compiler refuses a table
 * that lacks one.
 */
export type TransitionTable<
  State extends { readonly state: string },
  Event extends { readonly event: string },
> = {
  readonly [S in State['state']]: {
    readonly [E in Event['event']]: (
      state: Extract<State, { readonly state: S }>,
      event: Extract<Event, { readonly event: E }>,
    ) => State;
  };
};

/** The state after an event: the same object where the event changes nothing. */
export function transition<
  State extends { readonly state: string },
  Event extends { readonly event: string },
>(table: TransitionTable<State, Event>, state: State, event: Event): State {
  const row = table[state.state as State['state']];
  const cell = row[event.event as Event['event']] as (state: State, event: Event) => State;
  return cell(state, event);
}

/** A cell for an event that changes nothing. */
export function stay<State>(state: State): State {
  return state;
}
